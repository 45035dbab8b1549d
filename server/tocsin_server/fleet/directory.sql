-- name: devices()
-- Every button with its confirmed place and the site of it.
SELECT d.device_id, d.jurisdiction, d.public_key, d.state, d.place_confirmed_at,
       p.building, p.floor, p.room, p.spot, p.site_id, p.digests, d.config_digest, d.moved_at
  FROM device d LEFT JOIN place p USING (place_id);

-- name: sites()
SELECT site_id, jurisdiction, name, address, county, county_fips, state, responding_agency,
       time_zone, latitude, longitude, policy_id, opening_hours, contacts::text
  FROM site ORDER BY name;

-- name: jurisdictions()
SELECT jurisdiction, name, time_zone, on_call_number, policy_id, proof_every, elections, proof_days_before
  FROM jurisdiction;

-- name: people()
SELECT person_id, jurisdiction, name, email, role, outside_agency, language,
       extract(epoch FROM ends_at(person) - clock_timestamp())::double precision AS left_s
  FROM person;

-- name: contacts()
-- Everything by which somebody is reached, in the order in which it is tried.
SELECT contact_id, person_id, method, address, verified_at IS NOT NULL AS verified, unreachable, quiet_from, quiet_to
  FROM contact ORDER BY person_id, position, contact_id;

-- name: choices()
SELECT jurisdiction, site_id, kind, policy_id FROM policy_choice;

-- name: policies()
SELECT policy_id, jurisdiction, name, tiers::text FROM policy;

-- name: drills()
-- Windows that are open now, of sites and of single buttons, and how long they stay so.
SELECT w.drill_id, w.jurisdiction, w.site_id, w.device_id, s.name AS site, w.opened_by, w.opened_at, w.closes_at,
       t.drill_id IS NOT NULL AS walk_test,
       extract(epoch FROM w.closes_at - clock_timestamp())::double precision AS left_s
  FROM drill_window w
  LEFT JOIN walk_test t USING (drill_id)
  LEFT JOIN device d USING (device_id)
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s ON s.site_id = coalesce(w.site_id, p.site_id)
 WHERE w.closes_at > clock_timestamp()
 ORDER BY w.opened_at;

-- name: maintenance()
-- Sites that are worked on now, and for how much longer.
SELECT site_id, closes_at, extract(epoch FROM closes_at - clock_timestamp())::double precision AS left_s
  FROM maintenance_window WHERE closes_at > clock_timestamp();
