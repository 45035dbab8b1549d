-- name: states()
-- Each of them: since when it has not come through, how the last press that did went, and what the last one said.
SELECT s.jurisdiction, s.device_id, s.number, s.every_s, s.slow_s,
       extract(epoch FROM clock_timestamp() - coalesce(good.ended_at, s.added_at))::double precision AS good_s_ago,
       extract(epoch FROM good.ended_at)::double precision AS good_at_s,
       coalesce(good.stages, '{}')::text AS stages, last.problem
  FROM synthetic s
  LEFT JOIN LATERAL (SELECT ended_at, stages FROM synthetic_run r WHERE r.device_id = s.device_id AND problem IS NULL
                      ORDER BY ended_at DESC LIMIT 1) AS good ON true
  LEFT JOIN LATERAL (SELECT problem FROM synthetic_run r WHERE r.device_id = s.device_id
                      ORDER BY ended_at DESC LIMIT 1) AS last ON true
 ORDER BY s.jurisdiction;

-- name: of(jurisdiction)^
SELECT device_id, jurisdiction, site_id, number, every_s, slow_s FROM synthetic WHERE jurisdiction = :jurisdiction;

-- name: add(device_id, jurisdiction, site_id, number, every_s, slow_s)!
INSERT INTO synthetic (device_id, jurisdiction, site_id, number, every_s, slow_s)
VALUES (:device_id, :jurisdiction, :site_id, :number, :every_s, :slow_s);

-- name: change(jurisdiction, every_s, slow_s)!
UPDATE synthetic SET every_s = coalesce(:every_s, every_s), slow_s = coalesce(:slow_s, slow_s)
 WHERE jurisdiction = :jurisdiction;

-- name: alert_of(device_id, press_id)^
-- The alert that a press opened, and how long after the press it came to each stage.
SELECT a.alert_id, a.drill, a.delivered_at IS NOT NULL AS delivered,
       (SELECT json_object_agg(stage, extract(epoch FROM at - a.pressed_at)::double precision)::text
          FROM (VALUES ('received', a.received_at), ('stored', a.stored_at), ('provider_accepted', a.accepted_at),
                       ('delivered', a.delivered_at)) AS s(stage, at) WHERE at IS NOT NULL) AS stages
  FROM press p JOIN alert a USING (alert_id)
 WHERE p.device_id = :device_id AND p.press_id = :press_id;

-- name: acknowledge(alert_id, jurisdiction, name, number)!
-- Whoever was paged of it has it: no second text says so.
SELECT acknowledge(:alert_id, :jurisdiction, NULL, :name, 'synthetic', :number);

-- name: tidy_up(device_id, name)!
-- Close what a run has left open; only drills: what became real is for people.
SELECT resolve(a.alert_id, a.jurisdiction, :name, 'test', 'synthetic press')
  FROM (SELECT alert_id, jurisdiction FROM alert
         WHERE device_id = :device_id AND drill AND resolved_at IS NULL
         ORDER BY kind, alert_id FOR NO KEY UPDATE) a;

-- name: end_windows(site_id)!
UPDATE drill_window SET closes_at = clock_timestamp() WHERE site_id = :site_id AND closes_at > clock_timestamp();

-- name: record(device_id, alert_id, problem, stages, kept_days)!
WITH forgotten AS (
    DELETE FROM synthetic_run WHERE ended_at < clock_timestamp() - :kept_days::integer * interval '1 day'
)
INSERT INTO synthetic_run (device_id, alert_id, problem, stages) VALUES (:device_id, :alert_id, :problem, :stages::jsonb);
