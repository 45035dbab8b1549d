-- name: buttons(jurisdiction)
-- Every button in the order in which they came, and where it is in one line for its label.
SELECT d.device_id,
       s.name || concat(': ' || p.room, ', floor ' || p.floor, ' (' || p.spot || ')') AS place
  FROM device d
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s USING (site_id)
 WHERE d.jurisdiction = :jurisdiction
 ORDER BY d.added_at, d.device_id;
