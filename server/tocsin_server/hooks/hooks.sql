-- name: add_hook(jurisdiction, name, url, secret, events, drills, by, hooks_max)$
-- Null: the name is taken, or there are enough.
INSERT INTO hook (jurisdiction, name, url, secret, events, drills, added_by)
SELECT :jurisdiction, :name, :url, :secret, :events::text[], :drills, :by
 WHERE (SELECT count(*) FROM hook WHERE jurisdiction = :jurisdiction) < :hooks_max::integer
    ON CONFLICT DO NOTHING
RETURNING hook_id;

-- name: hooks(jurisdiction)
SELECT h.hook_id, h.name, h.url, h.events, h.drills, h.disabled_because, h.added_by, h.added_at,
       CASE WHEN h.former_until > clock_timestamp() THEN h.former_until END AS former_secret_until,
       count(d.*) FILTER (WHERE d.state IN ('pending', 'sending')) AS waiting,
       min(d.created_at) FILTER (WHERE d.state IN ('pending', 'sending')) AS waiting_since,
       count(d.*) FILTER (WHERE d.state = 'dead') AS dead,
       max(d.changed_at) FILTER (WHERE d.state = 'delivered') AS delivered_at
  FROM hook h LEFT JOIN hook_delivery d USING (hook_id)
 WHERE h.jurisdiction = :jurisdiction
 GROUP BY h.hook_id ORDER BY h.name;

-- name: remove_hook(jurisdiction, hook_id)!
-- A press of this moment may still leave a delivery, which nobody leases and `sweep` takes away.
WITH removed AS (DELETE FROM hook WHERE jurisdiction = :jurisdiction AND hook_id = :hook_id RETURNING hook_id)
DELETE FROM hook_delivery d USING removed r WHERE d.hook_id = r.hook_id;

-- name: set_disabled(hook_id, because)!
WITH disabled AS (UPDATE hook SET disabled_because = :because WHERE hook_id = :hook_id RETURNING hook_id, disabled_because)
UPDATE hook_delivery d
   SET state = 'dead', error = 'the webhook is disabled', lease_until = NULL, changed_at = clock_timestamp()
  FROM disabled
 WHERE d.hook_id = disabled.hook_id AND disabled.disabled_because IS NOT NULL AND d.state IN ('pending', 'sending');

-- name: rotate_secret(hook_id, secret, keep_hours)!
UPDATE hook SET former_secret = secret, former_until = clock_timestamp() + :keep_hours::integer * interval '1 hour',
                secret = :secret
 WHERE hook_id = :hook_id;

-- name: add_test(hook_id, name)^
INSERT INTO hook_delivery (hook_id, name) VALUES (:hook_id, :name)
RETURNING delivery_id, alert_id, name AS event, state, tries, status, error, created_at, changed_at, due_at;

-- name: deliveries(hook_id, state, deliveries_max)
SELECT delivery_id, alert_id, name AS event, state, tries, status, error, created_at, changed_at,
       CASE WHEN state IN ('pending', 'sending') THEN due_at END AS due_at
  FROM hook_delivery
 WHERE hook_id = :hook_id AND (:state::text IS NULL OR state = :state)
 ORDER BY created_at DESC LIMIT :deliveries_max;

-- name: delivery(delivery_id)^
SELECT delivery_id, alert_id, name AS event, state, tries, status, error, created_at, changed_at, due_at
  FROM hook_delivery WHERE delivery_id = :delivery_id;

-- name: resend(hook_id, delivery_id)$
WITH again AS (
    UPDATE hook_delivery SET state = 'pending', tries = 0, due_at = clock_timestamp(), lease_until = NULL, changed_at = clock_timestamp()
     WHERE hook_id = :hook_id AND state <> 'sending'
       AND CASE WHEN :delivery_id::uuid IS NULL THEN state = 'dead' ELSE delivery_id = :delivery_id END
    RETURNING 1
)
SELECT count(*) FROM again;
