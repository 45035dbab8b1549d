-- name: say_watching(replica_id, jurisdictions, screens)!
INSERT INTO watching (replica_id, jurisdiction, screens, at)
SELECT :replica_id, w.jurisdiction, w.screens, clock_timestamp()
  FROM unnest(:jurisdictions::text[], :screens::integer[]) AS w(jurisdiction, screens)
 ORDER BY w.jurisdiction
    ON CONFLICT (replica_id, jurisdiction) DO UPDATE SET screens = excluded.screens, at = excluded.at;

-- name: audit(overdue_s, stuck_s, fresh_s, proving_s, proving_unseen_s)
-- Walk every open alert and every unsent message: what is wrong, where, how often, and the codes of some.
WITH open_alert AS (
    SELECT jurisdiction, code, decide_at, pressed_at, stored_at, attempt, proves_button(alert) AS proving FROM alert
     WHERE resolved_at IS NULL AND acknowledged_at IS NULL
)
SELECT 'no_next_decision' AS check, jurisdiction, count(*) AS times, (array_agg(code ORDER BY pressed_at))[1 : 5] AS codes
  FROM open_alert WHERE decide_at IS NULL GROUP BY jurisdiction
UNION ALL
SELECT 'decision_overdue', jurisdiction, count(*), (array_agg(code ORDER BY pressed_at))[1 : 5]
  FROM open_alert WHERE decide_at < clock_timestamp() - interval '1 s' * (:overdue_s::double precision
           + CASE WHEN proving AND attempt = 0 THEN :proving_s::double precision ELSE 0 END)
 GROUP BY jurisdiction
UNION ALL
-- A message that is tried again and again waits since its beginning, not since its last try.
SELECT 'notification_stuck', jurisdiction, count(*), '{}'
  FROM notification
 WHERE state IN ('pending', 'sending')
   AND created_at < clock_timestamp() - :stuck_s::double precision * interval '1 s'
   AND (tries > 0 OR due_at < clock_timestamp() - :stuck_s::double precision * interval '1 s')
 GROUP BY jurisdiction
UNION ALL
SELECT 'nobody_watching', jurisdiction, count(*), (array_agg(code ORDER BY pressed_at))[1 : 5]
  FROM open_alert a
 WHERE NOT EXISTS (SELECT FROM watching w WHERE w.jurisdiction = a.jurisdiction AND w.screens > 0
                      AND w.at > clock_timestamp() - :fresh_s::double precision * interval '1 s')
   AND (NOT proving OR a.stored_at < clock_timestamp() - :proving_unseen_s::double precision * interval '1 s')
 GROUP BY jurisdiction;
