-- name: add_release(version, statement, sha256, wheel, added_by)$
-- The same again is fine, as for further buttons.
INSERT INTO release (version, statement, sha256, wheel, added_by)
VALUES (:version, :statement, :sha256, :wheel, :added_by)
ON CONFLICT (version) DO UPDATE SET version = excluded.version WHERE release.sha256 = excluded.sha256
RETURNING version;

-- name: forget_releases(version)!
-- Those that no button is asked to run any more.
DELETE FROM release r
 WHERE version <> :version AND NOT EXISTS (SELECT FROM device_update u WHERE u.version = r.version);

-- name: wheel(sha256)$
SELECT wheel FROM release WHERE sha256 = :sha256;

-- name: buttons(jurisdiction, heard_s)
-- Every active button, what it runs, and what became of what it was asked to run.
SELECT d.device_id, s.site_id, s.name AS site, h.heartbeat ->> 'firmware' AS firmware,
       u.version, u.state, u.because, u.asked_by, u.changed_at,
       coalesce(h.last_heard_at > clock_timestamp() - :heard_s * interval '1 s', false) AS heard,
       coalesce(u.state = 'waiting' AND EXISTS (
           SELECT FROM device_update o WHERE o.seat = seat_of(d)), false) AS held_up
  FROM device d
  LEFT JOIN device_health h USING (device_id)
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s USING (site_id)
  LEFT JOIN device_update u USING (device_id)
 WHERE d.jurisdiction = :jurisdiction AND d.state = 'active'
 ORDER BY s.name NULLS LAST, d.device_id;

-- name: ask(device_ids, version, asked_by)!
-- Whoever is under way with another release keeps its seat, and takes up this one when that has ended.
INSERT INTO device_update AS u (device_id, version, asked_by)
SELECT device_id, :version, :asked_by FROM unnest(:device_ids::text[]) AS device_id
ON CONFLICT (device_id) DO UPDATE
   SET version = excluded.version, command_id = excluded.command_id, because = NULL, asked_by = excluded.asked_by,
       changed_at = clock_timestamp(), state = CASE u.state WHEN 'under_way' THEN 'under_way' ELSE 'waiting' END,
       seat = CASE u.state WHEN 'under_way' THEN u.seat END
 WHERE u.version <> excluded.version OR u.state IN ('done', 'failed');

-- name: give_up(device_ids, heard_s)
-- Whoever is at it, by its own word of a moment ago, goes on.
DELETE FROM device_update u USING device_health h
 WHERE u.device_id = ANY (:device_ids::text[]) AND h.device_id = u.device_id
   AND (u.state IN ('waiting', 'failed')
        OR u.state = 'under_way' AND NOT coalesce(
               h.heartbeat -> 'update' ->> 'command_id' = u.command_id::text
               AND h.last_heard_at > clock_timestamp() - :heard_s * interval '1 s', false))
RETURNING u.device_id;

-- name: settle()
-- What heartbeats say became of it. A button that runs it and says nothing of any got it on a new card. Whoever has
-- failed keeps its seat, unless it was revoked.
WITH become AS MATERIALIZED (
    SELECT u.device_id, u.command_id, d.state = 'active' AS active, said.because,
           CASE WHEN d.state <> 'active' THEN 'failed'
                WHEN said.command_id = u.command_id::text AND said.state = 'kept' THEN 'done'
                WHEN said.command_id = u.command_id::text AND said.state = 'failed' THEN 'failed'
                WHEN said.command_id IS NULL AND h.heartbeat ->> 'firmware' = u.version THEN 'done'
           END AS state
      FROM device_update u
      JOIN device d USING (device_id)
      LEFT JOIN device_health h USING (device_id)
     CROSS JOIN LATERAL (SELECT h.heartbeat -> 'update' ->> 'command_id' AS command_id,
                                h.heartbeat -> 'update' ->> 'state' AS state,
                                h.heartbeat -> 'update' ->> 'because' AS because) said
     WHERE u.state = 'under_way'
)
UPDATE device_update u
   SET state = become.state, because = become.because, changed_at = clock_timestamp(),
       seat = CASE WHEN become.state = 'failed' AND become.active THEN u.seat END
  FROM become
 WHERE u.device_id = become.device_id AND u.command_id = become.command_id AND become.state IS NOT NULL
RETURNING u.device_id, u.version, u.state, u.because;

-- name: begin(heard_s, at_once)
-- The next of each site, where none of it is under way or has failed. Whoever has failed is counted: a release
-- that fails here and there stops by itself.
UPDATE device_update u
   SET state = 'under_way', seat = next.seat, changed_at = clock_timestamp()
  FROM (SELECT DISTINCT ON (seat_of(d)) device_id, seat_of(d) AS seat
          FROM device_update JOIN device d USING (device_id) JOIN device_health h USING (device_id)
         WHERE device_update.state = 'waiting' AND d.state = 'active' AND h.condition = 'ok'
           AND h.last_heard_at > clock_timestamp() - :heard_s * interval '1 s'
           AND NOT EXISTS (SELECT FROM device_update o WHERE o.seat = seat_of(d))
         ORDER BY seat_of(d), device_id
         LIMIT greatest(0, :at_once - (SELECT count(*) FROM device_update WHERE seat IS NOT NULL))) next
 WHERE u.device_id = next.device_id AND u.state = 'waiting'
RETURNING u.device_id, u.version;

-- name: to_say(heard_s, but)
-- Whoever is under way, is heard, and doesn't say that it knows.
SELECT device_id, d.jurisdiction, u.command_id, r.statement, encode(r.sha256, 'hex') AS sha256
  FROM device_update u
  JOIN release r USING (version)
  JOIN device d USING (device_id)
  JOIN device_health h USING (device_id)
 WHERE u.state = 'under_way' AND h.last_heard_at > clock_timestamp() - :heard_s * interval '1 s'
   AND h.heartbeat -> 'update' ->> 'command_id' IS DISTINCT FROM u.command_id::text
   AND NOT u.command_id = ANY (:but::uuid[]);
