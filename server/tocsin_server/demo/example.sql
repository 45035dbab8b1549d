-- name: jurisdiction_exists(jurisdiction)$
SELECT EXISTS (SELECT FROM jurisdiction WHERE jurisdiction = :jurisdiction);

-- name: add_jurisdiction(jurisdiction, name, time_zone, on_call_number, policy_id, tiers)!
-- A jurisdiction and its default policy need each other: both in one statement.
WITH added AS (
    INSERT INTO jurisdiction (jurisdiction, name, time_zone, on_call_number, policy_id)
    VALUES (:jurisdiction, :name, :time_zone, :on_call_number, :policy_id)
)
INSERT INTO policy (policy_id, jurisdiction, name, tiers)
VALUES (:policy_id, :jurisdiction, 'Example policy', :tiers::jsonb);

-- name: add_person(person_id, jurisdiction, name, email, phone, role, outside_agency, password_hash)!
INSERT INTO person (person_id, jurisdiction, name, email, phone, role, outside_agency, password_hash)
VALUES (:person_id, :jurisdiction, :name, :email, :phone, :role, :outside_agency, :password_hash);

-- name: add_site(site_id, jurisdiction, name, address, county, county_fips, state, responding_agency, time_zone, latitude, longitude)!
INSERT INTO site (site_id, jurisdiction, name, address, county, county_fips, state,
                  responding_agency, time_zone, latitude, longitude)
VALUES (:site_id, :jurisdiction, :name, :address, :county, :county_fips, :state,
        :responding_agency, :time_zone, :latitude, :longitude);

-- name: add_button(device_id, public_key, jurisdiction, place_id, site_id, building, floor, room, spot, confirmed_by)!
WITH added AS (
    INSERT INTO place (place_id, jurisdiction, site_id, building, floor, room, spot)
    VALUES (:place_id, :jurisdiction, :site_id, :building, :floor, :room, :spot)
    RETURNING place_id
)
INSERT INTO device (device_id, jurisdiction, public_key, place_id, place_confirmed_at, place_confirmed_by)
SELECT :device_id, :jurisdiction, :public_key, place_id, clock_timestamp(), :confirmed_by
  FROM added;

-- name: known_buttons(jurisdiction)
SELECT device_id, place_id FROM device WHERE jurisdiction = :jurisdiction ORDER BY added_at, device_id;
