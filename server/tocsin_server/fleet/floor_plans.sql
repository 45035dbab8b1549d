-- name: site_exists(jurisdiction, site_id)$
SELECT EXISTS (SELECT FROM site WHERE jurisdiction = :jurisdiction AND site_id = :site_id);

-- name: hold_site(jurisdiction, site_id)$
-- Of two who bring a plan of one site, one comes first.
SELECT site_id FROM site WHERE jurisdiction = :jurisdiction AND site_id = :site_id FOR UPDATE;

-- name: plans(jurisdiction, site_id)
-- All plans of a site, those that have ended too, the newest first.
SELECT plan_id, site_id, title, width, height, metres_wide, scaled_by, scaled_at, here_x, here_y, north_deg,
       positioned_by, positioned_at, entrances::text, entrances_by, entrances_at, added_by, added_at,
       ended_by, ended_at
  FROM floor_plan WHERE jurisdiction = :jurisdiction AND site_id = :site_id
 ORDER BY plan_id DESC;

-- name: current_plans(jurisdiction)
SELECT plan_id, site_id, title, width, height, metres_wide, scaled_by, scaled_at, here_x, here_y, north_deg,
       positioned_by, positioned_at, entrances::text, entrances_by, entrances_at, added_by, added_at,
       ended_by, ended_at
  FROM floor_plan WHERE jurisdiction = :jurisdiction AND ended_at IS NULL
 ORDER BY title, plan_id;

-- name: plan(jurisdiction, plan_id)^
SELECT plan_id, site_id, title, width, height, metres_wide, scaled_by, scaled_at, here_x, here_y, north_deg,
       positioned_by, positioned_at, entrances::text, entrances_by, entrances_at, added_by, added_at,
       ended_by, ended_at
  FROM floor_plan WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id;

-- name: picture(jurisdiction, plan_id)$
SELECT picture FROM floor_plan WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id;

-- name: end_plan(jurisdiction, plan_id, by)$
-- It stays as a record; that it has ended is written once.
UPDATE floor_plan SET ended_by = :by, ended_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id AND ended_at IS NULL
RETURNING plan_id;

-- name: add_plan(jurisdiction, site_id, title, picture, width, height, file_digest, by)$
INSERT INTO floor_plan (jurisdiction, site_id, title, picture, width, height, file_digest, added_by)
VALUES (:jurisdiction, :site_id, :title, :picture, :width, :height, :file_digest, :by)
RETURNING plan_id;

-- name: carry_over(old, new)!
-- What was said of the old picture holds for the new one of the same shape: all of it is in parts of it.
UPDATE floor_plan n
   SET metres_wide = o.metres_wide, scaled_by = o.scaled_by, scaled_at = o.scaled_at,
       here_x = o.here_x, here_y = o.here_y, north_deg = o.north_deg,
       positioned_by = o.positioned_by, positioned_at = o.positioned_at,
       entrances = o.entrances, entrances_by = o.entrances_by, entrances_at = o.entrances_at
  FROM floor_plan o WHERE o.plan_id = :old AND n.plan_id = :new;

-- name: move_spots(old, new)!
UPDATE place SET plan_id = :new WHERE plan_id = :old;

-- name: drop_spots(plan_id)!
UPDATE place SET plan_id = NULL, plan_x = NULL, plan_y = NULL WHERE plan_id = :plan_id;

-- name: set_scale(jurisdiction, plan_id, metres_wide, by)$
UPDATE floor_plan SET metres_wide = :metres_wide, scaled_by = :by, scaled_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id AND ended_at IS NULL
RETURNING plan_id;

-- name: set_position(jurisdiction, plan_id, here_x, here_y, north_deg, by)$
UPDATE floor_plan
   SET here_x = :here_x, here_y = :here_y, north_deg = :north_deg,
       positioned_by = :by, positioned_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id AND ended_at IS NULL
RETURNING plan_id;

-- name: entrances_of_site(jurisdiction, plan_id)$
SELECT s.entrances FROM floor_plan f JOIN site s USING (site_id)
 WHERE f.jurisdiction = :jurisdiction AND f.plan_id = :plan_id AND f.ended_at IS NULL;

-- name: set_entrances(jurisdiction, plan_id, entrances, by)$
UPDATE floor_plan SET entrances = :entrances::jsonb, entrances_by = :by, entrances_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id AND ended_at IS NULL
RETURNING plan_id;
