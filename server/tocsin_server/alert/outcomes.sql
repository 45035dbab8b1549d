-- Both are ordered as ingest locks alerts, so that the two can't deadlock; they give the messages that are ours.

-- name: record_accepted(notification_ids, provider_ids)
SELECT notification_id, record_accepted(notification_id, provider_id)::text
  FROM (SELECT o.notification_id, o.provider_id
          FROM unnest(:notification_ids::uuid[], :provider_ids::text[]) AS o (notification_id, provider_id)
          JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, o.notification_id) AS ordered;

-- name: record_reports(notification_ids, statuses, ranks, states, problems, unreachable)
SELECT notification_id, record_report(notification_id, status, rank, state, problem, unreachable)
  FROM (SELECT o.*
          FROM unnest(:notification_ids::uuid[], :statuses::text[], :ranks::integer[], :states::text[], :problems::text[],
                      :unreachable::text[]) WITH ORDINALITY
               AS o (notification_id, status, rank, state, problem, unreachable, n)
          JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, o.n) AS ordered;
