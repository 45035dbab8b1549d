-- name: spot(jurisdiction, alert_id)^
-- Where an alert is. A button that was moved since the press has no spot: it would be another one's.
SELECT a.drill, s.site_id, f.plan_id, p.plan_x AS x, p.plan_y AS y,
       coalesce(s.entrances, '{}') AS entrances
  FROM alert a
  LEFT JOIN site s ON s.site_id = (a.place->>'site_id')::uuid AND s.jurisdiction = a.jurisdiction
  LEFT JOIN device d ON d.device_id = a.device_id AND coalesce(d.moved_at <= a.pressed_at, true)
  LEFT JOIN place p ON p.place_id = d.place_id AND p.site_id = s.site_id
  LEFT JOIN floor_plan f ON f.plan_id = p.plan_id AND f.ended_at IS NULL
 WHERE a.jurisdiction = :jurisdiction AND a.alert_id = :alert_id;

-- name: sheets(jurisdiction, site_id)
SELECT plan_id, title, width, height, entrances::text FROM floor_plan
 WHERE jurisdiction = :jurisdiction AND site_id = :site_id AND ended_at IS NULL ORDER BY title, plan_id;
