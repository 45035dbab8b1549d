-- name: lease(notifications_max, lease_s)
-- Take what is due, calls for help before word of them, new alerts before repeats, for a few seconds: a
-- replica that stops here delays its messages by that much and blocks nobody. A page that nobody wants any
-- more is withdrawn, and so is the word that somebody has an alert which is open again. Nothing is due in
-- more than a minute: what says so was written before the clock stepped back, and is due now.
WITH due AS (
    SELECT n.notification_id,
           CASE n.purpose WHEN 'page' THEN a.acknowledged_at IS NOT NULL OR a.resolved_at IS NOT NULL
                          WHEN 'stand_down' THEN a.acknowledged_at IS NULL
                          ELSE n.created_at < clock_timestamp() - interval '1 hour' END AS unwanted
      FROM notification n LEFT JOIN alert a USING (alert_id)
     WHERE n.state IN ('pending', 'sending')
       AND n.due_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute'
       AND coalesce(n.lease_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute', true)
     ORDER BY n.purpose NOT IN ('page', 'unverified'), n.attempt, n.due_at
     LIMIT :notifications_max::integer
       FOR UPDATE OF n SKIP LOCKED
), taken AS (
    UPDATE notification n
       SET state = CASE WHEN due.unwanted THEN 'withdrawn' ELSE 'sending' END,
           lease_until = CASE WHEN NOT due.unwanted THEN clock_timestamp() + :lease_s::double precision * interval '1 s' END,
           tries = tries + CASE WHEN due.unwanted THEN 0 ELSE 1 END, changed_at = clock_timestamp()
      FROM due WHERE n.notification_id = due.notification_id
    RETURNING n.*
)
SELECT t.notification_id, t.jurisdiction, t.alert_id, t.purpose, t.attempt, t.person_id, t.name, t.address, t.body, t.tries,
       a.kind, a.drill, a.code, a.place::text AS place, a.cancelled, a.presses, a.acknowledged_by, a.outcome, a.device_id,
       extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s
  FROM taken t LEFT JOIN alert a USING (alert_id) WHERE t.state = 'sending';

-- name: renew(notification_id, lease_s)!
-- Hold on to a message whose provider is slow to answer.
UPDATE notification SET lease_until = clock_timestamp() + :lease_s::double precision * interval '1 s'
 WHERE notification_id = :notification_id AND state = 'sending';

-- name: record_accepted(notification_id, provider_id)!
SELECT record_accepted(:notification_id, :provider_id);

-- name: record_failure(notification_id, problem, retry_s)!
SELECT record_failure(:notification_id, :problem, :retry_s);

-- name: record_report(notification_id, status, rank, state, problem)$
-- False where there is no such notification.
SELECT record_report(:notification_id, :status, :rank, :state, :problem);

-- name: opt_out(phone)!
UPDATE person SET opted_out_at = clock_timestamp() WHERE phone = :phone AND opted_out_at IS NULL;

-- name: opt_in(phone)!
UPDATE person SET opted_out_at = NULL WHERE phone = :phone AND opted_out_at IS NOT NULL;
