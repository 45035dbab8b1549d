-- name: lease(methods, rooms, yielding, alert_max, slow_s, lease_s)
-- Take what is due, up to the room that each method has, for a few seconds: a replica that stops here delays
-- its messages by that much and blocks nobody. Calls for help go before word of them, new alerts before
-- repeats, and each alert's first message before any alert's second. What was tried before, and what is of
-- an alert with a request that hangs, yields to the others: no more of it begins than `yielding`. An alert
-- has at most `alert_max` open by one method.
-- A page that nobody wants any more is withdrawn, and so is the word that somebody has an alert which is
-- open again. That word waits for a page that is just being sent there: the page would come after it, and
-- read like another call for help. Nothing is due in more than a minute: what says so was written before
-- the clock stepped back, and is due now.
WITH waiting AS MATERIALIZED (
    SELECT n.notification_id, n.method, n.attempt, n.tries, n.due_at, is_due,
           n.purpose NOT IN ('page', 'unverified', 'hand_over', 'ask') AS is_word,
           n.tries > 0 OR bool_or(is_open AND n.changed_at < now_ - :slow_s::double precision * interval '1 s')
                          OVER (PARTITION BY coalesce(n.alert_id, n.notification_id), n.method) AS yields,
           row_number() OVER (PARTITION BY coalesce(n.alert_id, n.notification_id), n.method
                              ORDER BY is_due, n.attempt, n.tries, n.due_at) AS place
      FROM notification n, clock_timestamp() AS now_,
           LATERAL (SELECT coalesce(n.lease_until BETWEEN now_ AND now_ + interval '1 minute', false) AS is_open) AS o,
           LATERAL (SELECT NOT is_open AND n.due_at NOT BETWEEN now_ AND now_ + interval '1 minute'
                       AND NOT (n.purpose = 'stand_down' AND EXISTS (
                           SELECT FROM notification p
                            WHERE p.alert_id = n.alert_id AND p.purpose = 'page' AND p.person_id = n.person_id
                              AND p.method = n.method AND p.address = n.address AND p.state = 'sending'
                              AND p.lease_until BETWEEN now_ AND now_ + interval '1 minute')) AS is_due) AS d
     WHERE n.state IN ('pending', 'sending') AND n.method = ANY (:methods::text[]) AND (is_open OR is_due)
), next AS MATERIALIZED (
    SELECT w.notification_id, w.yields
      FROM unnest(:methods::text[], :rooms::integer[], :yielding::integer[]) AS room (method, free, yielding)
     CROSS JOIN LATERAL (
           SELECT * FROM (
                  SELECT *, row_number() OVER (PARTITION BY yields
                                               ORDER BY is_word, attempt, tries, place, due_at) AS n_alike
                    FROM waiting
                   WHERE waiting.method = room.method AND is_due AND place <= :alert_max::integer) AS due
            WHERE NOT yields OR n_alike <= room.yielding
            ORDER BY is_word, attempt, yields, tries, place, due_at
            LIMIT room.free) AS w
), due AS (
    SELECT n.notification_id, next.yields,
           CASE n.purpose WHEN 'page' THEN NOT wants_help(a)
                          WHEN 'stand_down' THEN a.acknowledged_at IS NULL OR a.again_at IS NOT NULL
                          WHEN 'hand_over' THEN a.resolved_at IS NOT NULL OR a.offered_to IS DISTINCT FROM n.person_id
                          WHEN 'ask' THEN a.asked_at IS NULL OR a.resolved_at IS NOT NULL
                          WHEN 'officer' THEN a.resolved_at IS NOT NULL
                          ELSE n.created_at < clock_timestamp() - interval '1 hour' END AS unwanted
      FROM next JOIN notification n USING (notification_id) LEFT JOIN alert a USING (alert_id)
     -- Once more, of the row as it is when it is locked: another replica may have taken it.
     WHERE n.state IN ('pending', 'sending')
       AND coalesce(n.lease_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute', true)
       FOR UPDATE OF n SKIP LOCKED
), taken AS (
    UPDATE notification n
       SET state = CASE WHEN due.unwanted THEN 'withdrawn' ELSE 'sending' END,
           lease_until = CASE WHEN NOT due.unwanted THEN clock_timestamp() + :lease_s::double precision * interval '1 s' END,
           tries = tries + CASE WHEN due.unwanted THEN 0 ELSE 1 END, changed_at = clock_timestamp()
      FROM due WHERE n.notification_id = due.notification_id
    RETURNING n.*, due.yields
)
SELECT t.notification_id, t.jurisdiction, t.alert_id, t.purpose, t.attempt, t.person_id, t.name, t.method, t.address,
       t.language, t.link_key, t.body, t.tries, t.yields,
       a.kind, a.drill, a.code, a.place::text AS place, a.cancelled, a.presses, a.acknowledged_by, a.again_why, a.device_id,
       extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s
  FROM taken t LEFT JOIN alert a USING (alert_id) WHERE t.state = 'sending';

-- name: renew(notification_ids, lease_s)!
-- Hold on to messages whose provider is slow to answer. One that is locked is changed just now.
UPDATE notification n SET lease_until = clock_timestamp() + :lease_s::double precision * interval '1 s'
  FROM (SELECT notification_id FROM notification WHERE notification_id = ANY (:notification_ids::uuid[]) AND state = 'sending'
           FOR NO KEY UPDATE SKIP LOCKED) AS ours
 WHERE n.notification_id = ours.notification_id;

-- name: record_keyed(notification_id, passes_on)$
-- False where there is no such notification.
SELECT record_keyed(:notification_id, :passes_on);

-- name: fall_back_unreported(no_report_s, ringing_rank)$
SELECT fall_back_unreported(:no_report_s, :ringing_rank);

-- name: lease_calls_to_end(calls_max, lease_s)
-- Calls that ring, or are heard, although somebody has the alert; for a few seconds, as above. One that
-- can't be ended for a minute has ended by itself.
UPDATE notification n SET withdraw_at = clock_timestamp() + :lease_s::double precision * interval '1 s'
  FROM (SELECT notification_id FROM notification
         WHERE withdraw_at <= clock_timestamp() AND provider_id IS NOT NULL
           AND changed_at > clock_timestamp() - interval '1 minute'
         ORDER BY withdraw_at LIMIT :calls_max::integer FOR UPDATE SKIP LOCKED) AS due
  JOIN notification of_page USING (notification_id) JOIN alert a ON a.alert_id = of_page.alert_id
 WHERE n.notification_id = due.notification_id
RETURNING n.notification_id, n.alert_id, n.attempt, n.name, n.method, n.language, n.provider_id, n.body,
          a.kind, a.drill, a.code, a.place::text AS place, a.cancelled, a.presses, a.acknowledged_by, a.again_why,
          extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s;

-- name: call_ended(notification_id, was_over)!
SELECT call_ended(:notification_id, :was_over);

-- name: message(notification_id)^
-- As `lease` gives it, for whoever has it before them.
SELECT n.notification_id, n.jurisdiction, n.alert_id, n.purpose, n.attempt, n.person_id, n.name, n.method, n.address,
       n.language, n.link_key, n.body, n.tries,
       a.kind, a.drill, a.code, a.place::text AS place, a.cancelled, a.presses, a.acknowledged_by, a.again_why, a.device_id,
       extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s
  FROM notification n JOIN alert a USING (alert_id) WHERE n.notification_id = :notification_id;

-- name: message_key(notification_id, link_key)^
SELECT notification_id, language FROM notification
 WHERE (notification_id = :notification_id::uuid OR link_key = :link_key::uuid) AND purpose IN ('page', 'hand_over', 'ask');

-- name: outstanding()
-- Texts and calls that were accepted and are not over, of the last hour; the newest first.
SELECT notification_id, method, provider_id FROM notification
 WHERE state = 'accepted' AND method IN ('sms', 'voice') AND provider_id IS NOT NULL
   AND created_at > clock_timestamp() - interval '1 hour'
 ORDER BY created_at DESC LIMIT 200;
