-- name: lease(deliveries_max, of_hook_max, lease_s, pause_s_max)
-- Take what is due for a few seconds: of each hook as many as it has places left, so that a slow one fills its
-- own only, and of each alert the first that is not through. Nothing is due in more than the longest pause: what
-- says so was written before the clock stepped back, and is due now. `alert` is the alert as it stands.
WITH due AS (
    SELECT d.delivery_id
      FROM hook h
     CROSS JOIN LATERAL (
           SELECT w.delivery_id FROM hook_delivery w
            WHERE w.hook_id = h.hook_id AND w.state IN ('pending', 'sending')
              AND w.due_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + :pause_s_max::double precision * interval '1 s'
              AND coalesce(w.lease_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute', true)
              AND NOT EXISTS (SELECT FROM hook_delivery former
                               WHERE former.hook_id = w.hook_id AND former.alert_id = w.alert_id AND former.n < w.n
                                 AND former.state IN ('pending', 'sending'))
            ORDER BY w.due_at
            LIMIT greatest(0, :of_hook_max::integer - (SELECT count(*) FROM hook_delivery s
                   WHERE s.hook_id = h.hook_id AND s.state = 'sending'
                     AND s.lease_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute'))
              FOR UPDATE SKIP LOCKED) d
     WHERE h.disabled_because IS NULL
     LIMIT :deliveries_max::integer
), taken AS (
    UPDATE hook_delivery d
       SET state = 'sending', tries = tries + 1, changed_at = clock_timestamp(),
           lease_until = clock_timestamp() + :lease_s::double precision * interval '1 s'
      FROM due WHERE d.delivery_id = due.delivery_id
    RETURNING d.*
)
SELECT t.delivery_id, t.hook_id, t.n, t.name, t.tries, h.jurisdiction, h.name AS hook, h.url,
       CASE WHEN h.former_until > clock_timestamp() THEN ARRAY[h.secret, h.former_secret] ELSE ARRAY[h.secret] END AS secrets,
       coalesce(e.at, t.created_at) AS at, e.payload->>'by' AS by, a.place::text AS place,
       json_build_object(
           'alert_id', a.alert_id, 'drill', a.drill, 'kind', a.kind, 'state', alert_state(a),
           'unanswered', a.unanswered_at IS NOT NULL AND a.acknowledged_at IS NULL AND a.resolved_at IS NULL,
           'cancelled', a.cancelled, 'presses', a.presses, 'device_id', a.device_id, 'remarks', a.remarks,
           'pressed_at', wire_time(a.pressed_at), 'received_at', wire_time(a.received_at),
           'acknowledged_at', wire_time(a.acknowledged_at), 'acknowledged_by', a.acknowledged_by,
           'responding_at', wire_time(a.responding_at), 'resolved_at', wire_time(a.resolved_at),
           'resolved_by', a.resolved_by, 'outcome', a.outcome)::text AS alert
  FROM taken t JOIN hook h USING (hook_id)
  LEFT JOIN alert a ON a.alert_id = t.alert_id
  LEFT JOIN alert_event e ON e.alert_id = t.alert_id AND e.n = t.n;

-- name: record(delivery_id, tries, state, status, problem, retry_s)!
-- Only what this very try came to: another replica may have taken it since. What comes after it in the same
-- alert isn't due before it is, so that nobody looks at all of it again and again while a receiver is away.
WITH tried AS (
    UPDATE hook_delivery
       SET state = :state, status = :status, error = :problem, lease_until = NULL, changed_at = clock_timestamp(),
           due_at = clock_timestamp() + coalesce(:retry_s::double precision, 0) * interval '1 s'
     WHERE delivery_id = :delivery_id AND state = 'sending' AND tries = :tries
    RETURNING hook_id, alert_id, n, due_at
)
UPDATE hook_delivery later SET due_at = tried.due_at
  FROM tried
 WHERE later.hook_id = tried.hook_id AND later.alert_id = tried.alert_id AND later.n > tried.n
   AND later.state = 'pending' AND later.tries = 0;

-- name: measure()^
-- For how long the oldest has waited that is on its way, and how many hooks are disabled.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(d.created_at)), 0)::double precision AS oldest_s,
       (SELECT count(*) FROM hook WHERE disabled_because IS NOT NULL) AS disabled
  FROM hook_delivery d JOIN hook h USING (hook_id)
 WHERE d.state IN ('pending', 'sending') AND h.disabled_because IS NULL;

-- name: sweep(days)!
DELETE FROM hook_delivery d
 WHERE d.created_at < clock_timestamp() - :days::integer * interval '1 day' AND d.state IN ('delivered', 'dead')
    OR NOT EXISTS (SELECT FROM hook h WHERE h.hook_id = d.hook_id);
