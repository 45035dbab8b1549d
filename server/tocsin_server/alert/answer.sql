-- name: notification_of(link_key)$
-- Null: no such key.
SELECT notification_id FROM notification WHERE link_key = :link_key;

-- name: answering(link_key)^
-- What the page of a link shows. No row: no such key, an account that has ended, or an alert that was resolved more
-- than a day ago.
SELECT n.name, p.language, n.person_id, a.kind, a.drill, a.place::text AS place, a.presses, a.cancelled,
       a.pressed_at, a.acknowledged_by, a.acknowledged_person,
       coalesce(a.held_at, a.acknowledged_at) AS held_at, a.asked_at, a.again_at, a.again_why, a.offered_to, a.resolved_at,
       extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s
  FROM notification n JOIN alert a USING (alert_id) JOIN person p ON p.person_id = n.person_id
 WHERE n.link_key = :link_key AND n.purpose IN ('page', 'hand_over', 'ask')
   AND p.role <> 'auditor' AND coalesce(ends_at(p) > clock_timestamp(), true)
   AND coalesce(a.resolved_at > clock_timestamp() - interval '1 day', true);
