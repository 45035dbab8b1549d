-- name: commit_something(replica_id)!
INSERT INTO replica (replica_id, pulsed_at) VALUES (:replica_id, clock_timestamp())
ON CONFLICT (replica_id) DO UPDATE SET pulsed_at = excluded.pulsed_at;
