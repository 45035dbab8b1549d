-- name: say_watching(replica_id, jurisdictions, screens)!
INSERT INTO watching (replica_id, jurisdiction, screens, at)
SELECT :replica_id, w.jurisdiction, w.screens, clock_timestamp()
  FROM unnest(:jurisdictions::text[], :screens::integer[]) AS w(jurisdiction, screens)
 ORDER BY w.jurisdiction
    ON CONFLICT (replica_id, jurisdiction) DO UPDATE SET screens = excluded.screens, at = excluded.at;

-- name: say_alive(replica_id)!
INSERT INTO replica (replica_id, pulsed_at, alive_at) VALUES (:replica_id, clock_timestamp(), clock_timestamp())
ON CONFLICT (replica_id) DO UPDATE SET alive_at = excluded.alive_at;

-- name: say_goodbye(replica_id)!
-- Whoever ends in order is missed by nobody.
DELETE FROM replica WHERE replica_id = :replica_id;

-- name: silent_replicas(replica_id, silent_s, gone_s)
-- The others that worked a while ago. What is to come was written before the clock stepped back.
SELECT replica_id FROM replica
 WHERE replica_id <> :replica_id
   AND alive_at NOT BETWEEN clock_timestamp() - :silent_s::double precision * interval '1 s'
                        AND clock_timestamp() + :silent_s::double precision * interval '1 s'
   AND alive_at > clock_timestamp() - :gone_s::double precision * interval '1 s'
 ORDER BY replica_id;

-- name: repaired(shown_s)
-- What was mended lately; an alert by its code.
SELECT "check", jurisdiction, count(*) AS times,
       coalesce((array_agg(subject ORDER BY at) FILTER (WHERE "check" <> 'notification_stuck'))[1 : 5], '{}') AS codes
  FROM repair WHERE at > clock_timestamp() - :shown_s::double precision * interval '1 s'
 GROUP BY "check", jurisdiction
 ORDER BY "check", jurisdiction;

-- name: restore_decisions()
SELECT jurisdiction, code FROM restore_decisions();

-- name: release_messages(over_s, far_s)
-- Let go of messages whose lease was over long ago, or that are leased or due further away than any is:
-- the clock stepped back since. Nothing waits here for whoever holds such a row.
WITH held AS (
    SELECT notification_id FROM notification
     WHERE state IN ('pending', 'sending')
       AND (lease_until NOT BETWEEN clock_timestamp() - :over_s::double precision * interval '1 s'
                                AND clock_timestamp() + :far_s::double precision * interval '1 s'
            OR due_at > clock_timestamp() + :far_s::double precision * interval '1 s')
       FOR NO KEY UPDATE SKIP LOCKED
), released AS (
    UPDATE notification n SET lease_until = NULL, due_at = least(due_at, clock_timestamp())
      FROM held WHERE n.notification_id = held.notification_id
    RETURNING n.jurisdiction, n.notification_id
)
SELECT jurisdiction, notification_id::text AS subject,
       say_repaired('notification_stuck', jurisdiction, notification_id::text)::text
  FROM released;

-- name: say_overdue(jurisdiction, codes)!
SELECT say_repaired('decision_overdue', :jurisdiction, code) FROM unnest(:codes::text[]) AS code;

-- name: audit(overdue_s, stuck_s, fresh_s, proving_s, proving_unseen_s)
-- Walk every open alert and every unsent message: what is wrong, where, how often, and the codes of some.
WITH open_alert AS (
    SELECT jurisdiction, code, decide_at, pressed_at, stored_at, attempt, proves_button(alert) AS proving,
           is_synthetic(alert) AS synthetic
      FROM alert
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
-- A message that is tried again and again waits since its beginning, not since its last try; unless whom it
-- is for was told the same by another way.
SELECT 'notification_stuck', jurisdiction, count(*), '{}'
  FROM notification n
 WHERE state IN ('pending', 'sending')
   AND created_at < clock_timestamp() - :stuck_s::double precision * interval '1 s'
   AND (tries > 0 OR due_at < clock_timestamp() - :stuck_s::double precision * interval '1 s')
   AND NOT EXISTS (SELECT FROM notification other
                    WHERE (other.alert_id, other.purpose, other.attempt, other.person_id)
                        = (n.alert_id, n.purpose, n.attempt, n.person_id)
                      AND other.state IN ('accepted', 'delivered'))
 GROUP BY jurisdiction
UNION ALL
SELECT 'nobody_watching', jurisdiction, count(*), (array_agg(code ORDER BY pressed_at))[1 : 5]
  FROM open_alert a
 WHERE NOT synthetic AND NOT EXISTS (SELECT FROM watching w WHERE w.jurisdiction = a.jurisdiction AND w.screens > 0
                      AND w.at > clock_timestamp() - :fresh_s::double precision * interval '1 s')
   AND (NOT proving OR a.stored_at < clock_timestamp() - :proving_unseen_s::double precision * interval '1 s')
 GROUP BY jurisdiction;
