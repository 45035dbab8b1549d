-- name: open_drill(jurisdiction, site_id, minutes, opened_by)^
-- A window where none is open. No row: no such site in the jurisdiction, or one is open there.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now), opened AS (
    INSERT INTO drill_window (jurisdiction, site_id, opened_by, opened_at, closes_at)
    SELECT s.jurisdiction, s.site_id, :opened_by, clock.now, clock.now + :minutes::integer * interval '1 minute'
      FROM site s, clock
     WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction
       AND NOT EXISTS (SELECT FROM drill_window w WHERE w.site_id = s.site_id AND w.closes_at > clock.now)
    RETURNING *
)
SELECT o.drill_id, o.site_id, s.name AS site, o.opened_by, o.opened_at, o.closes_at
  FROM opened o JOIN site s USING (site_id);

-- name: site_and_its_drill(jurisdiction, site_id)^
-- Why no window was opened.
SELECT s.name, w.opened_by, extract(epoch FROM w.closes_at - clock_timestamp())::double precision AS left_s
  FROM site s LEFT JOIN drill_window w ON w.site_id = s.site_id AND w.closes_at > clock_timestamp()
 WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction
 ORDER BY w.closes_at DESC LIMIT 1;

-- name: end_drill(jurisdiction, drill_id, by)^
-- End every window of the site (or of the button), for two may have been opened in the same moment. A walk
-- test is finished with it, by whoever ends it here.
WITH drill AS (
    SELECT site_id, device_id FROM drill_window WHERE drill_id = :drill_id AND jurisdiction = :jurisdiction
), ended AS (
    UPDATE drill_window w SET closes_at = clock_timestamp()
      FROM drill
     WHERE (w.site_id = drill.site_id OR w.device_id = drill.device_id) AND w.closes_at > clock_timestamp()
    RETURNING w.drill_id
)
SELECT EXISTS (SELECT FROM drill) AS is_known,
       (SELECT count(finish_walk_test(drill_id, :by)::text) FROM ended JOIN walk_test USING (drill_id)) AS walk_tests;

-- name: next_commands(device_ids)
-- Numbers for a command to each of these buttons that has been heard since it started.
WITH wanted AS MATERIALIZED (
    SELECT device_id FROM device_health
     WHERE device_id = ANY (:device_ids::text[]) AND boot_id IS NOT NULL
     ORDER BY device_id
       FOR UPDATE
)
UPDATE device_health h SET command_seq = h.command_seq + 1
  FROM wanted WHERE h.device_id = wanted.device_id
RETURNING h.device_id, h.boot_id, h.command_seq;

-- name: open_proof(jurisdiction, device_id, opened_by, wait_minutes)!
-- A window of this button alone, unless it has one or is proven where it is. It waits for the button so long.
INSERT INTO drill_window (jurisdiction, device_id, opened_by, opened_at, closes_at)
SELECT h.jurisdiction, h.device_id, :opened_by, clock.now, clock.now + :wait_minutes::integer * interval '1 minute'
  FROM (SELECT jurisdiction, device_id, last_proven_at, moved_at FROM device JOIN device_health USING (device_id)) AS h,
       (SELECT clock_timestamp() AS now) AS clock
 WHERE h.device_id = :device_id AND h.jurisdiction = :jurisdiction
   AND (h.last_proven_at IS NULL OR h.last_proven_at < h.moved_at)
   AND NOT EXISTS (SELECT FROM drill_window w WHERE w.device_id = h.device_id AND w.closes_at > clock.now);

-- name: begin_proofs(device_ids, minutes)!
-- The windows of buttons that have come: from now on they last so long, and never longer than before.
UPDATE drill_window w SET closes_at = clock.until
  FROM device_health h, (SELECT clock_timestamp() + :minutes::integer * interval '1 minute' AS until) AS clock
 WHERE w.device_id = ANY (:device_ids::text[]) AND h.device_id = w.device_id AND h.boot_id IS NOT NULL
   AND w.closes_at > clock.until;

-- name: synthetic_sites()
SELECT site_id FROM synthetic;
