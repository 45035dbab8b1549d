-- name: border(jurisdiction, from_at, until_at, after_at, after_id, near)^
-- The first one behind so many: those before it are read in their order, those from it on are looked up by what is
-- sought. Whoever finds a page among the newest doesn't need the others; what is not among them is rare.
  SELECT pressed_at AS border_at, alert_id AS border_id
    FROM alert_past
   WHERE jurisdiction = :jurisdiction AND pressed_at >= :from_at AND pressed_at < :until_at
     AND (:after_id::uuid IS NULL OR (pressed_at, alert_id) < (:after_at::timestamptz, :after_id))
ORDER BY pressed_at DESC, alert_id DESC
  OFFSET :near LIMIT 1;

-- name: found(jurisdiction, from_at, until_at, words, who, marks, after_at, after_id, border_at, border_id, is_near, alerts_max)
-- Newest first, after the last one of the page before, on one side of the border. Nothing is sought: all of them.
  SELECT p.alert_id
    FROM alert_past p,
         LATERAL (SELECT to_tsquery('simple', :words) && to_tsquery('simple', :who) && :marks::text::tsquery AS sought) AS q
   WHERE p.jurisdiction = :jurisdiction AND p.pressed_at >= :from_at AND p.pressed_at < :until_at
     AND (numnode(q.sought) = 0 OR p.words @@ q.sought)
     AND (:after_id::uuid IS NULL OR (p.pressed_at, p.alert_id) < (:after_at::timestamptz, :after_id))
     AND (:border_id::uuid IS NULL OR CASE WHEN :is_near THEN (p.pressed_at, p.alert_id) > (:border_at::timestamptz, :border_id)
                                           ELSE (p.pressed_at, p.alert_id) <= (:border_at, :border_id) END)
ORDER BY p.pressed_at DESC, p.alert_id DESC
   LIMIT :alerts_max;

-- name: count_far(jurisdiction, from_at, until_at, words, who, marks, border_at, border_id, count_max)$
-- How many more there are behind the border, up to so many, in no order.
SELECT count(*)
  FROM (SELECT
          FROM alert_past p,
               LATERAL (SELECT to_tsquery('simple', :words) && to_tsquery('simple', :who) && :marks::text::tsquery AS sought) AS q
         WHERE p.jurisdiction = :jurisdiction AND p.pressed_at >= :from_at AND p.pressed_at < :until_at
           AND p.words @@ q.sought AND (p.pressed_at, p.alert_id) <= (:border_at, :border_id)
         LIMIT :count_max) AS far;

-- name: alerts(alert_ids)
SELECT alert_id, code, kind, drill, presses, device_id, place, outcome, acknowledged_by, resolved_by,
       pressed_at, acknowledged_at, responding_at, on_scene_at, resolved_at
  FROM unnest(:alert_ids::uuid[]) WITH ORDINALITY AS f (alert_id, n)
  JOIN alert USING (alert_id)
 ORDER BY f.n;

-- name: pressed_at(jurisdiction, words, who, marks, alert_id)$
-- Of one that the search finds.
SELECT p.pressed_at
  FROM alert_past p,
       LATERAL (SELECT to_tsquery('simple', :words) && to_tsquery('simple', :who) && :marks::text::tsquery AS sought) AS q
 WHERE p.jurisdiction = :jurisdiction AND p.alert_id = :alert_id AND (numnode(q.sought) = 0 OR p.words @@ q.sought);

-- name: time_zone(jurisdiction)$
SELECT time_zone FROM jurisdiction WHERE jurisdiction = :jurisdiction;
