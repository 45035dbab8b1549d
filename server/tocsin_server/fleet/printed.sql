-- name: buttons(jurisdiction)
-- Every active button with its place, the site of it, and the number that facilities answer.
SELECT d.device_id, s.site_id, s.name AS site, s.address, p.building, p.floor, p.room, p.spot,
       j.on_call_number
  FROM device d
  JOIN jurisdiction j USING (jurisdiction)
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s USING (site_id)
 WHERE d.jurisdiction = :jurisdiction AND d.state = 'active'
 ORDER BY s.name NULLS LAST, s.site_id, d.added_at, d.device_id;

-- name: office(jurisdiction)^
SELECT name, on_call_number FROM jurisdiction WHERE jurisdiction = :jurisdiction;
