-- name: open_maintenance(jurisdiction, site_id, minutes, reason, opened_by)^
-- A window where none is open. No row: no such site in the jurisdiction, or one is open there.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now), opened AS (
    INSERT INTO maintenance_window (jurisdiction, site_id, reason, opened_by, opened_at, closes_at)
    SELECT s.jurisdiction, s.site_id, :reason, :opened_by, clock.now, clock.now + :minutes::integer * interval '1 minute'
      FROM site s, clock
     WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction
       AND NOT EXISTS (SELECT FROM maintenance_window w WHERE w.site_id = s.site_id AND w.closes_at > clock.now)
    RETURNING *
)
SELECT o.maintenance_id, o.site_id, s.name AS site, o.reason, o.opened_by, o.opened_at, o.closes_at
  FROM opened o JOIN site s USING (site_id);

-- name: site_and_its_maintenance(jurisdiction, site_id)^
-- Why no window was opened, or ended.
SELECT s.name, w.opened_by, extract(epoch FROM w.closes_at - clock_timestamp())::double precision AS left_s
  FROM site s LEFT JOIN maintenance_window w ON w.site_id = s.site_id AND w.closes_at > clock_timestamp()
 WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction
 ORDER BY w.closes_at DESC LIMIT 1;

-- name: end_maintenance(jurisdiction, site_id, ended_by)$
-- End every window of the site, for two may have been opened in the same moment. Null: none was open.
WITH ended AS (
    UPDATE maintenance_window SET closes_at = clock_timestamp(), ended_by = :ended_by
     WHERE jurisdiction = :jurisdiction AND site_id = :site_id AND closes_at > clock_timestamp()
    RETURNING site_id
)
SELECT s.name FROM site s WHERE s.site_id = (SELECT site_id FROM ended LIMIT 1);

-- name: maintenance(jurisdiction)
-- The windows that are open.
SELECT w.maintenance_id, w.site_id, s.name AS site, w.reason, w.opened_by, w.opened_at, w.closes_at
  FROM maintenance_window w JOIN site s USING (site_id)
 WHERE w.jurisdiction = :jurisdiction AND w.closes_at > clock_timestamp()
 ORDER BY w.opened_at;
