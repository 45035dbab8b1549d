-- name: page(jurisdiction, from_at, until_at, words, who, marks, after_at, after_id, alerts_max)
-- Newest first, after the last one of the page before. Nothing to look for: all of them.
  SELECT a.alert_id, a.code, a.kind, a.drill, a.presses, a.device_id, a.place, a.outcome, a.acknowledged_by, a.resolved_by,
         a.pressed_at, a.acknowledged_at, a.responding_at, a.on_scene_at, a.resolved_at
    FROM (SELECT p.alert_id, p.pressed_at
            FROM alert_past p,
                 LATERAL (SELECT to_tsquery('simple', :words) && to_tsquery('simple', :who) && :marks::text::tsquery AS wanted) AS q
           WHERE p.jurisdiction = :jurisdiction AND p.pressed_at >= :from_at AND p.pressed_at < :until_at
             AND (numnode(q.wanted) = 0 OR p.words @@ q.wanted)
             AND (:after_id::uuid IS NULL OR (p.pressed_at, p.alert_id) < (:after_at::timestamptz, :after_id))
           ORDER BY p.pressed_at DESC, p.alert_id DESC
           LIMIT :alerts_max) AS found
    JOIN alert a USING (alert_id)
ORDER BY found.pressed_at DESC, found.alert_id DESC;

-- name: count(jurisdiction, from_at, until_at, words, who, marks, count_max)$
-- How many there are, up to one more than somebody is told.
SELECT count(*)
  FROM (SELECT
          FROM alert_past p,
               LATERAL (SELECT to_tsquery('simple', :words) && to_tsquery('simple', :who) && :marks::text::tsquery AS wanted) AS q
         WHERE p.jurisdiction = :jurisdiction AND p.pressed_at >= :from_at AND p.pressed_at < :until_at
           AND (numnode(q.wanted) = 0 OR p.words @@ q.wanted)
         LIMIT :count_max::bigint + 1) AS found;

-- name: pressed_at(jurisdiction, alert_id)$
SELECT pressed_at FROM alert_past WHERE jurisdiction = :jurisdiction AND alert_id = :alert_id;

-- name: time_zone(jurisdiction)$
SELECT time_zone FROM jurisdiction WHERE jurisdiction = :jurisdiction;
