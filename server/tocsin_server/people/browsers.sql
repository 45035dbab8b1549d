-- name: forget_gone(jurisdiction, person_id)!
-- Browsers that their makers' services know no more; with each that is signed up anew there would be another.
DELETE FROM contact
 WHERE jurisdiction = :jurisdiction AND person_id = :person_id AND method = 'push' AND unreachable IS NOT NULL;

-- name: is_signed_up(jurisdiction, person_id, address)$
SELECT EXISTS (SELECT FROM contact WHERE jurisdiction = :jurisdiction AND person_id = :person_id
                  AND method = 'push' AND address = :address);
