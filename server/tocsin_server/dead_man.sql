-- name: say_answered(replica_id)!
UPDATE replica SET dead_man_at = clock_timestamp() WHERE replica_id = :replica_id;

-- name: answered(replica_id)^
-- When this replica's word outside was last answered; no row: it does not run.
SELECT extract(epoch FROM clock_timestamp() - dead_man_at)::double precision AS answered_s_ago
  FROM replica WHERE replica_id = :replica_id AND alive_at > clock_timestamp() - interval '1 minute';
