-- name: of_jurisdiction(jurisdiction)^
SELECT name, on_call_number, clock_timestamp() AS at FROM jurisdiction WHERE jurisdiction = :jurisdiction;

-- name: of_sites(jurisdiction)
SELECT name, address, responding_agency, contacts::text FROM site
 WHERE jurisdiction = :jurisdiction ORDER BY name, site_id;
