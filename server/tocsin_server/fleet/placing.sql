-- name: confirm_place(jurisdiction, device_id, confirmed_by)$
UPDATE device SET place_confirmed_by = :confirmed_by, place_confirmed_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND device_id = :device_id AND state = 'active' AND place_id IS NOT NULL
RETURNING device_id;

-- name: place_of(jurisdiction, device_id)^
SELECT p.place_id, p.site_id, p.building, p.floor, p.room, p.spot, p.kind, p.surroundings,
       p.plan_id, p.plan_x, p.plan_y, m.moved_from, m.moved_to, m.moved_by, m.moved_at
  FROM device d JOIN place p USING (place_id)
  LEFT JOIN device_move m ON m.device_id = d.device_id AND m.moved_at = d.moved_at AND m.to_place = d.place_id
 WHERE d.jurisdiction = :jurisdiction AND d.device_id = :device_id AND d.state = 'active';

-- name: describe(jurisdiction, place_id, kind, surroundings, plan_id, x, y, only_add)$
-- `only_add`: what isn't given stays as it is. No row: no such place, or a plan that is not its site's now.
UPDATE place p
   SET kind         = coalesce(:kind::text, CASE WHEN :only_add::boolean THEN p.kind END),
       surroundings = coalesce(:surroundings::text, CASE WHEN :only_add::boolean THEN p.surroundings END),
       plan_id      = coalesce(:plan_id::uuid, CASE WHEN :only_add::boolean THEN p.plan_id END),
       plan_x       = coalesce(:x::double precision, CASE WHEN :only_add::boolean THEN p.plan_x END),
       plan_y       = coalesce(:y::double precision, CASE WHEN :only_add::boolean THEN p.plan_y END)
 WHERE p.jurisdiction = :jurisdiction AND p.place_id = :place_id
   AND (:plan_id::uuid IS NULL OR EXISTS
        (SELECT FROM floor_plan f WHERE f.plan_id = :plan_id AND f.site_id = p.site_id AND f.ended_at IS NULL))
RETURNING p.place_id;
