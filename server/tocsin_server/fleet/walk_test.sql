-- name: start_walk_test(jurisdiction, site_id, minutes, by)^
SELECT * FROM start_walk_test(:jurisdiction, :site_id, :minutes, :by);

-- name: end_walk_test(jurisdiction, site_id, by)$
SELECT end_walk_test(:jurisdiction, :site_id, :by);

-- name: finish_next()^
-- A walk test whose time is over and that nobody has finished: any replica does it, and one is enough.
-- One at a time: the alerts of two would not be locked in the order in which presses lock them.
SELECT over.site, finish_walk_test(over.drill_id, NULL)::text
  FROM (SELECT w.drill_id, s.name AS site
          FROM walk_test t JOIN drill_window w USING (drill_id) JOIN site s USING (site_id)
         WHERE t.finished_at IS NULL AND w.closes_at <= clock_timestamp()
         ORDER BY w.drill_id LIMIT 1) AS over;

-- name: pressed()
-- The buttons that have had their press in a walk test that is open.
SELECT b.device_id
  FROM walk_test t JOIN drill_window w USING (drill_id) JOIN walk_button b USING (drill_id)
 WHERE w.closes_at > clock_timestamp() AND b.press_id IS NOT NULL;

-- name: newest(jurisdiction, site_id)^
-- A site, and its newest walk test where there was one.
SELECT s.site_id, s.name AS site, coalesce(s.time_zone, j.time_zone) AS time_zone, w.drill_id, w.opened_by, w.opened_at,
       w.closes_at, w.closes_at > clock_timestamp() AS is_open, w.ended_by, w.finished_at
  FROM site s JOIN jurisdiction j USING (jurisdiction)
  LEFT JOIN LATERAL (SELECT * FROM drill_window w JOIN walk_test t USING (drill_id)
                      WHERE w.site_id = s.site_id ORDER BY w.opened_at DESC LIMIT 1) AS w ON true
 WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction;

-- name: buttons(drill_id)
-- Each button of a walk test and the press that counted. Where it was comes from the press; of one that was
-- not pressed, as it was at the end, or until then as it is.
SELECT b.device_id, b.press_id IS NOT NULL AS is_pressed, there.building, there.floor, there.room, there.spot,
       coalesce(b.firmware, h.heartbeat->>'firmware') AS firmware, coalesce(b.condition, h.condition) AS condition,
       a.alert_id, a.drill, p.pressed_at, p.received_at, greatest(a.stored_at, p.received_at) AS stored_at, a.resolved_at, a.resolved_by,
       a.acknowledged_person IS NOT NULL AS is_acknowledged, a.acknowledged_at, a.acknowledged_by,
       a.event_count, a.chain
  FROM (SELECT * FROM walk_button WHERE drill_id = :drill_id
         UNION ALL
        SELECT w.drill_id, d.device_id, NULL, NULL, NULL, NULL, here.building, here.floor, here.room, here.spot, NULL, NULL
          FROM drill_window w JOIN walk_test t USING (drill_id) JOIN place here USING (site_id) JOIN device d USING (place_id)
         WHERE w.drill_id = :drill_id AND t.finished_at IS NULL AND d.state = 'active'
           AND NOT EXISTS (SELECT FROM walk_button b WHERE b.drill_id = w.drill_id AND b.device_id = d.device_id)) AS b
  LEFT JOIN device_health h USING (device_id)
  LEFT JOIN press p USING (device_id, press_id)
  LEFT JOIN alert a USING (alert_id)
 CROSS JOIN LATERAL (
       SELECT b.building, b.floor, b.room, b.spot WHERE a.alert_id IS NULL
        UNION ALL
       SELECT a.place->>'building', a.place->>'floor', a.place->>'room', a.place->>'spot' WHERE a.alert_id IS NOT NULL) AS there
 ORDER BY b.device_id;

-- name: last_event_at(drill_id)$
-- The last that is on record of any of its tests; of a walk test without any press, its end. When anything
-- was done about a test that has become real is nothing that a report tells.
SELECT coalesce((SELECT max(e.at)
                   FROM walk_button b JOIN press p USING (device_id, press_id)
                   JOIN alert a USING (alert_id) JOIN alert_event e USING (alert_id)
                  WHERE b.drill_id = :drill_id AND a.drill),
                (SELECT closes_at FROM drill_window WHERE drill_id = :drill_id));
