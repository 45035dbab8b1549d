-- name: add_jurisdiction(jurisdiction, name, time_zone, on_call_number, policy_name, tiers)$
-- A jurisdiction and its first policy need each other: both in one statement.
WITH first_policy AS (
    SELECT uuid7() AS policy_id
), added AS (
    INSERT INTO jurisdiction (jurisdiction, name, time_zone, on_call_number, policy_id)
    SELECT :jurisdiction, :name, :time_zone, :on_call_number, policy_id FROM first_policy
)
INSERT INTO policy (policy_id, jurisdiction, name, tiers)
SELECT policy_id, :jurisdiction, :policy_name, :tiers::jsonb FROM first_policy
RETURNING policy_id;

-- name: jurisdiction_exists(jurisdiction)$
SELECT EXISTS (SELECT FROM jurisdiction WHERE jurisdiction = :jurisdiction);

-- name: add_site(jurisdiction, name, address, county, county_fips, state, responding_agency, time_zone, latitude, longitude, policy_id)$
-- Nothing is returned where the policy is not of this jurisdiction.
INSERT INTO site (jurisdiction, name, address, county, county_fips, state, responding_agency,
                  time_zone, latitude, longitude, policy_id)
SELECT :jurisdiction, :name, :address, :county, :county_fips, :state, :responding_agency,
       :time_zone, :latitude, :longitude, :policy_id
 WHERE :policy_id::uuid IS NULL
    OR EXISTS (SELECT FROM policy WHERE jurisdiction = :jurisdiction AND policy_id = :policy_id)
RETURNING site_id;

-- name: add_place(jurisdiction, site_id, building, floor, room, spot)$
INSERT INTO place (jurisdiction, site_id, building, floor, room, spot)
SELECT jurisdiction, site_id, :building, :floor, :room, :spot
  FROM site WHERE jurisdiction = :jurisdiction AND site_id = :site_id
RETURNING place_id;

-- name: same_place(jurisdiction, site_id, building, floor, room, spot)$
-- A place of a site that is described in the same words: whoever says it again makes it no second time.
SELECT place_id FROM place
 WHERE jurisdiction = :jurisdiction AND site_id = :site_id
   AND (building, floor, room, spot)
       IS NOT DISTINCT FROM (:building::text, :floor::text, :room::text, :spot::text)
 LIMIT 1;

-- name: register_device(device_id, jurisdiction, public_key)$
-- A button that is known with the same key stays as it is; any other is not returned.
WITH added AS (
    INSERT INTO device (device_id, jurisdiction, public_key)
    VALUES (:device_id, :jurisdiction, :public_key)
    ON CONFLICT DO NOTHING
    RETURNING device_id
), supervised AS (
    INSERT INTO device_health (device_id) SELECT device_id FROM added
)
SELECT device_id FROM added
UNION ALL
SELECT device_id FROM device
 WHERE device_id = :device_id AND jurisdiction = :jurisdiction AND public_key = :public_key
   AND state = 'active';

-- name: place_device(jurisdiction, device_id, place_id, confirmed_by)$
   UPDATE device d
      SET place_id = p.place_id, place_confirmed_by = :confirmed_by,
          place_confirmed_at = CASE WHEN :confirmed_by::text IS NOT NULL THEN clock_timestamp() END
     FROM place p
    WHERE d.jurisdiction = :jurisdiction AND d.device_id = :device_id
      AND p.jurisdiction = :jurisdiction AND p.place_id = :place_id
RETURNING d.device_id;

-- name: sites(jurisdiction)
-- Each site with its places, oldest first.
SELECT site_id, name, address, county, county_fips, state, responding_agency, time_zone,
       latitude, longitude, opening_hours, entrances, contacts::text, county_confirmed_by,
       county_confirmed_at, agency_confirmed_by, agency_confirmed_at,
       md5(row(name, address, county, county_fips, state, responding_agency, time_zone, latitude, longitude,
               opening_hours, entrances, contacts, county_confirmed_by, agency_confirmed_by)::text) AS version,
       coalesce(places, '[]')::text AS places
  FROM site
  LEFT JOIN (SELECT site_id, json_agg(p ORDER BY place_id) AS places
               FROM (SELECT site_id, place_id, building, floor, room, spot, kind, surroundings,
                            CASE WHEN plan_id IS NOT NULL THEN
                                 json_build_object('plan_id', plan_id, 'x', plan_x, 'y', plan_y) END AS on_plan
                       FROM place WHERE jurisdiction = :jurisdiction) AS p
              GROUP BY site_id) AS of_site USING (site_id)
 WHERE jurisdiction = :jurisdiction ORDER BY name, site_id;
