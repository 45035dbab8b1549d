-- name: jurisdictions()
SELECT jurisdiction, name, time_zone, on_call_number, holder_silent_s, latency_by_person FROM jurisdiction ORDER BY jurisdiction;

-- name: devices(jurisdiction)
-- Every button: where a person said it is, when it was last heard, and last proven where it is.
SELECT d.device_id, d.state, s.site_id, s.name AS site, p.building, p.floor, p.room, p.spot,
       d.place_confirmed_by, d.place_confirmed_at, h.condition, h.last_heard_at,
       here.last_proven_at, here.last_proven_by
  FROM device d
  LEFT JOIN device_health h USING (device_id)
  LEFT JOIN device_health here
    ON here.device_id = d.device_id AND here.last_proven_at > coalesce(d.moved_at, '-infinity')
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s USING (site_id)
 WHERE d.jurisdiction = :jurisdiction
 ORDER BY s.name NULLS LAST, d.added_at;

-- name: calendar(jurisdiction)^
-- By which rule buttons are proven, and what time it is.
SELECT proof_every, elections, proof_days_before, time_zone, clock_timestamp() AS now
  FROM jurisdiction WHERE jurisdiction = :jurisdiction;

-- name: drills(jurisdiction)
-- The drills that are on.
SELECT w.drill_id, w.site_id, w.device_id, s.name AS site, w.opened_by, w.opened_at, w.closes_at
  FROM drill_window w
  LEFT JOIN device d USING (device_id)
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s ON s.site_id = coalesce(w.site_id, p.site_id)
 WHERE w.jurisdiction = :jurisdiction AND w.closes_at > clock_timestamp()
 ORDER BY w.opened_at;
