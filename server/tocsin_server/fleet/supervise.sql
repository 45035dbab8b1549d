-- name: keep_heard(device_ids, silents_s, boot_ids, heartbeats)!
-- Keep what this replica heard, where no other has heard later; sorted, so that replicas can not deadlock.
-- What says that it was later than now was written before the clock stepped back, here and below: whoever
-- believed it would notice no silence until the clock comes to it again.
-- A crash may lose the last second of it, and the next heartbeats bring it again: no press waits for its fsync.
INSERT INTO device_health AS h (device_id, last_heard_at, boot_id, heartbeat)
SELECT device_id, clock_timestamp() - r.silent_s * interval '1 s', r.boot_id, r.heartbeat
  FROM unnest(:device_ids::text[], :silents_s::double precision[], :boot_ids::uuid[], :heartbeats::json[])
       AS r(device_id, silent_s, boot_id, heartbeat)
  JOIN device USING (device_id)
 CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
 ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE
   SET last_heard_at = excluded.last_heard_at,
       boot_id = coalesce(excluded.boot_id, h.boot_id),
       heartbeat = coalesce(excluded.heartbeat, h.heartbeat)
 WHERE h.last_heard_at IS NULL OR h.last_heard_at <= excluded.last_heard_at OR h.last_heard_at > clock_timestamp();

-- name: healths(unheard, since_s)
-- What all replicas know of the buttons that we do not hear ourselves, of those that are not well, and
-- of those proven meanwhile: of the others we know it all. Heartbeats only of those that we do not hear.
SELECT device_id, condition, last_heard_at, boot_id, last_proven_at, last_proven_by,
       CASE WHEN last_heard_at <= clock_timestamp()
            THEN extract(epoch FROM clock_timestamp() - last_heard_at)::double precision END AS silent_s,
       greatest(extract(epoch FROM clock_timestamp() - lost_at)::double precision, 0) AS lost_s,
       CASE WHEN device_id = ANY (:unheard::text[]) THEN heartbeat::text END AS heartbeat
  FROM device_health
 WHERE device_id = ANY (:unheard::text[]) OR condition <> 'ok'
    OR last_proven_at > clock_timestamp() - :since_s * interval '1 s';

-- name: lose(device_ids, silents_s)!
-- Call buttons lost, unless some replica heard them meanwhile.
WITH silent AS MATERIALIZED (
    SELECT h.device_id
      FROM device_health h
      JOIN unnest(:device_ids::text[], :silents_s::double precision[]) AS r(device_id, silent_s) USING (device_id)
     WHERE h.condition <> 'lost'
       AND h.last_heard_at NOT BETWEEN clock_timestamp() - r.silent_s * interval '1 s' AND clock_timestamp()
     ORDER BY h.device_id
       FOR UPDATE OF h
)
UPDATE device_health h SET condition = 'lost', lost_at = clock_timestamp()
  FROM silent WHERE h.device_id = silent.device_id;

-- name: bring_back(device_ids)
-- Call buttons well that were heard. Answers those that had been lost, and for how long: only one replica gets each.
WITH heard AS MATERIALIZED (
    SELECT device_id, condition, lost_at FROM device_health
     WHERE device_id = ANY (:device_ids::text[]) AND condition <> 'ok'
       AND (lost_at IS NULL OR last_heard_at > lost_at OR lost_at > clock_timestamp())
     ORDER BY device_id
       FOR UPDATE
)
UPDATE device_health h SET condition = 'ok', lost_at = NULL
  FROM heard WHERE h.device_id = heard.device_id
RETURNING h.device_id, heard.condition AS was,
          CASE WHEN heard.lost_at <= clock_timestamp()
               THEN extract(epoch FROM clock_timestamp() - heard.lost_at)::double precision ELSE 'Infinity' END AS lost_s;
