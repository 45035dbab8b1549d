-- name: false_alarms(jurisdiction, device_id, false_alarms_max)
-- By button, the newest first: all of one button, or those of the last twelve months (and a day) of all.
-- What was erased on its retention date is no explanation any more.
SELECT * FROM (
    SELECT a.device_id, a.alert_id, a.pressed_at, clock_timestamp() AS now,
           coalesce((SELECT json_agg(json_build_object(
                                'what', e.payload->'what', 'cause', e.payload->'cause', 'remedy', e.payload->'remedy',
                                'by', e.payload->'by', 'at', wire_time(e.at)) ORDER BY e.n)
                       FROM alert_event e
                      WHERE e.alert_id = a.alert_id AND e.name = 'false_alarm_explained' AND e.payload IS NOT NULL),
                    '[]')::text AS explanations
      FROM alert a
     WHERE a.jurisdiction = :jurisdiction AND a.outcome = 'false_alarm' AND NOT a.drill
       AND CASE WHEN :device_id::text IS NULL THEN a.pressed_at > clock_timestamp() - interval '12 months 1 day'
                ELSE a.device_id = :device_id END
     ORDER BY a.pressed_at DESC
     LIMIT :false_alarms_max
) AS newest
 ORDER BY device_id, pressed_at DESC;

-- name: explain(jurisdiction, alert_id, what, cause, remedy, by, explanations_max)^
-- No row: no such false alarm. The alert's row first: two who write at once come one after another.
WITH alarm AS MATERIALIZED (
    SELECT alert_id, device_id FROM alert
     WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction AND outcome = 'false_alarm' AND NOT drill
       FOR NO KEY UPDATE
), counted AS MATERIALIZED (
    SELECT a.*, (SELECT count(*) FROM alert_event e
                  WHERE e.alert_id = a.alert_id AND e.name = 'false_alarm_explained') AS before
      FROM alarm a
)
SELECT device_id, before,
       CASE WHEN before < :explanations_max
            THEN append_event(alert_id, 'false_alarm_explained', json_build_object(
                     'by', :by::text, 'what', :what::text, 'cause', :cause::text, 'remedy', :remedy::text))::text END AS written
  FROM counted;
