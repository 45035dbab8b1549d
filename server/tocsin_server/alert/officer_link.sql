-- name: of_alert(alert_id, jurisdiction)^
-- What a text about an alert says.
SELECT kind, drill, place::text AS place FROM alert WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction;

-- name: make(alert_id, jurisdiction, by, for_whom, link_key, phone, words, language, links_max)$
SELECT make_officer_link(:alert_id, :jurisdiction, :by, :for_whom, :link_key, :phone, :words, :language, :links_max);

-- name: links(alert_id, jurisdiction, link_key)
-- In the order in which they were made; or the one of this key.
SELECT link_id, for_whom, right(phone, 4) AS texted_to, made_by, made_at, opened_at, revoked_by, revoked_at
  FROM officer_link WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction
   AND (:link_key::uuid IS NULL OR link_key = :link_key) ORDER BY link_id;

-- name: revoke(link_id, alert_id, jurisdiction, by)$
SELECT revoke_officer_link(:link_id, :alert_id, :jurisdiction, :by);

-- name: look(link_key)^
-- What a link shows. A button that was moved since the press has no spot: it would be another one's.
SELECT l.link_id, l.opened_at, l.revoked_at, a.jurisdiction, a.version, a.kind, a.drill, a.place::text AS place, a.presses,
       a.cancelled, a.pressed_at, a.acknowledged_by, coalesce(a.held_at, a.acknowledged_at) AS held_at,
       a.again_why, a.responding_at, a.on_scene_at, a.resolved_at,
       extract(epoch FROM clock_timestamp() - a.pressed_at)::double precision AS age_s,
       extract(epoch FROM clock_timestamp() - a.resolved_at)::double precision AS over_s,
       coalesce(s.entrances, '{}') AS entrances, coalesce(s.contacts, '[]')::text AS contacts,
       f.plan_id, f.title, f.width, f.height, p.plan_x AS x, p.plan_y AS y,
       coalesce(f.entrances, '[]')::text AS marked
  FROM officer_link l JOIN alert a USING (alert_id)
  LEFT JOIN site s ON s.site_id = (a.place->>'site_id')::uuid AND s.jurisdiction = a.jurisdiction
  LEFT JOIN device d ON d.device_id = a.device_id AND coalesce(d.moved_at <= a.pressed_at, true)
  LEFT JOIN place p ON p.place_id = d.place_id AND p.site_id = s.site_id
  LEFT JOIN floor_plan f ON f.plan_id = p.plan_id AND f.ended_at IS NULL
 WHERE l.link_key = :link_key;

-- name: opened(link_id)!
SELECT open_officer_link(:link_id);
