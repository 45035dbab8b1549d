-- name: replicas(runs_s)
-- Those that run, and the key each signs with; one of an earlier release doesn't say.
SELECT replica_id, receipt_kid AS kid, extract(epoch FROM clock_timestamp() - pulsed_at)::double precision AS heard_s_ago
  FROM replica
 WHERE pulsed_at > clock_timestamp() - :runs_s * interval '1 s'
 ORDER BY replica_id;

-- name: left_behind(newest, since)
-- Buttons that were there before the successor was named, and whose last heartbeat doesn't say that they know it.
SELECT device_id, d.jurisdiction, h.last_heard_at
  FROM device d LEFT JOIN device_health h USING (device_id)
 WHERE d.state = 'active' AND d.added_at <= :since AND h.heartbeat ->> 'newest_key' IS DISTINCT FROM :newest
 ORDER BY d.jurisdiction, device_id;
