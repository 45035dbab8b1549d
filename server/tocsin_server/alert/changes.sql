-- name: views(alert_ids)
-- What screens show of these alerts now.
SELECT alert_id, jurisdiction, version, alert_state(a) AS state, drill, alert_view(a)::text AS view
  FROM alert a WHERE alert_id = ANY (:alert_ids::uuid[]);

-- name: open(jurisdiction, alerts_max, only_drills)
-- Every alert that is not resolved, newest and unacknowledged first.
SELECT alert_view(a)::text AS view
  FROM alert a
 WHERE jurisdiction = :jurisdiction AND resolved_at IS NULL AND (drill OR NOT :only_drills::boolean)
 ORDER BY acknowledged_at IS NOT NULL, pressed_at DESC LIMIT :alerts_max;

-- name: recent(jurisdiction, alerts_max, only_drills)
-- Without synthetic presses, of which there are hundreds a day.
SELECT alert_view(a)::text AS view
  FROM alert a
 WHERE jurisdiction = :jurisdiction AND (drill OR NOT :only_drills::boolean) AND NOT is_synthetic(a)
 ORDER BY pressed_at DESC LIMIT :alerts_max;

-- name: one(jurisdiction, alert_id)^
SELECT drill, alert_view(a)::text AS view FROM alert a WHERE jurisdiction = :jurisdiction AND alert_id = :alert_id;

-- name: events(alert_id)
SELECT n, at, name, payload::text AS payload FROM alert_event WHERE alert_id = :alert_id ORDER BY n LIMIT 2000;

-- name: presses(alert_id)
SELECT press_id, kind, gesture, seq, attempt, drill, pressed_at, received_at, age_exact, remarks
  FROM press WHERE alert_id = :alert_id ORDER BY pressed_at LIMIT 500;

-- name: shown(alert_ids, jurisdictions, ages_ms)!
-- The first screen that has painted an alert makes it shown, if it is one of its jurisdiction. The
-- ages say how long ago that was. Locked in the order in which ingest and escalate lock them.
SELECT record_shown(o.alert_id, o.age_ms)
  FROM (SELECT u.alert_id, u.age_ms
          FROM unnest(:alert_ids::uuid[], :jurisdictions::text[], :ages_ms::double precision[]) AS u(alert_id, jurisdiction, age_ms)
          JOIN alert a USING (alert_id, jurisdiction)
         WHERE a.shown_at IS NULL
         ORDER BY a.device_id, a.kind, a.drill) o;
