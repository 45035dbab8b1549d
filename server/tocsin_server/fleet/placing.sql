-- name: confirm_place(jurisdiction, device_id, confirmed_by)$
UPDATE device SET place_confirmed_by = :confirmed_by, place_confirmed_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND device_id = :device_id AND state = 'active' AND place_id IS NOT NULL
RETURNING device_id;
