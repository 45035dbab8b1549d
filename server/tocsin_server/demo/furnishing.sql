-- name: describe_site(name, entrances, contacts)$
UPDATE site SET entrances = :entrances::text[], contacts = :contacts::text::jsonb
 WHERE name = :name RETURNING site_id;

-- name: mark_spot(site, room, floor, x, y)!
UPDATE place p SET plan_id = f.plan_id, plan_x = :x, plan_y = :y
  FROM site s JOIN floor_plan f USING (site_id)
 WHERE p.site_id = s.site_id AND s.name = :site AND p.room = :room
   AND f.title = :floor AND f.ended_at IS NULL AND p.plan_id IS NULL;
