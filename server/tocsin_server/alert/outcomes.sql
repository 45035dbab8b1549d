-- All are ordered as ingest locks alerts, so that they can't deadlock, and give the messages that are ours.

-- name: record_accepted(notification_id, provider_id)
SELECT notification_id, record_accepted(notification_id, provider_id)::text
  FROM (SELECT o.*
          FROM unnest(:notification_id::uuid[], :provider_id::text[]) AS o (notification_id, provider_id)
          JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, o.notification_id) AS ordered;

-- name: record_failures(notification_id, problem, retry_s, unreachable)
SELECT notification_id, record_failure(notification_id, problem, retry_s, unreachable)::text
  FROM (SELECT o.*
          FROM unnest(:notification_id::uuid[], :problem::text[], :retry_s::double precision[], :unreachable::text[])
               AS o (notification_id, problem, retry_s, unreachable)
          JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, o.notification_id) AS ordered;

-- name: record_reports(notification_id, status, rank, state, problem, unreachable)
SELECT notification_id, record_report(notification_id, status, rank, state, problem, unreachable)
  FROM (SELECT o.*
          FROM unnest(:notification_id::uuid[], :status::text[], :rank::integer[], :state::text[], :problem::text[],
                      :unreachable::text[]) WITH ORDINALITY
               AS o (notification_id, status, rank, state, problem, unreachable, n)
          JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, o.n) AS ordered;
