-- name: commit_something(replica_id, receipt_kid)!
INSERT INTO replica (replica_id, pulsed_at, receipt_kid) VALUES (:replica_id, clock_timestamp(), :receipt_kid)
ON CONFLICT (replica_id) DO UPDATE SET pulsed_at = excluded.pulsed_at, receipt_kid = excluded.receipt_kid;
