-- name: hold(jurisdiction, device_id)^
-- A button and its site, held until this transaction ends: of two who move it one comes first.
SELECT d.state, d.place_id, p.site_id,
       coalesce(h.last_proven_at > coalesce(d.moved_at, '-infinity'), false) AS is_proven
  FROM device d LEFT JOIN place p USING (place_id) LEFT JOIN device_health h ON h.device_id = d.device_id
 WHERE d.jurisdiction = :jurisdiction AND d.device_id = :device_id
   FOR NO KEY UPDATE OF d;

-- name: is_of_site(site_id, place_id)$
SELECT EXISTS (SELECT FROM place WHERE site_id = :site_id AND place_id = :place_id);

-- name: move(device_id, place_id, moved_by)^
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now), kept AS (
    INSERT INTO device_move (jurisdiction, device_id, from_place, to_place, moved_from, moved_to, moved_by, moved_at)
    SELECT d.jurisdiction, d.device_id, was.place_id, new.place_id, place_in_words(was), place_in_words(new),
           :moved_by, clock.now
      FROM device d JOIN place was USING (place_id), place new, clock
     WHERE d.device_id = :device_id AND new.place_id = :place_id
    RETURNING *
), moved AS (
    UPDATE device d SET place_id = kept.to_place, place_confirmed_by = NULL, place_confirmed_at = NULL,
           moved_at = kept.moved_at
      FROM kept WHERE d.device_id = kept.device_id
)
SELECT moved_from, moved_to, moved_by, moved_at FROM kept;

-- name: where_is(device_id)^
-- Where a button is; `moved_by`: who moved it there, if that is what became of it.
SELECT place_in_words(p) AS place,
       (SELECT m.moved_by FROM device_move m
         WHERE m.device_id = d.device_id AND m.to_place = d.place_id
         ORDER BY m.moved_at DESC LIMIT 1) AS moved_by
  FROM device d JOIN place p USING (place_id)
 WHERE d.device_id = :device_id;
