-- name: add(jurisdiction, name, key_digest, by, kiosks_max)$
-- Null: another one has this name, or there are too many.
INSERT INTO kiosk (jurisdiction, name, key_digest, made_by)
SELECT :jurisdiction, :name, :key_digest, :by
 WHERE (SELECT count(*) FROM kiosk WHERE jurisdiction = :jurisdiction AND revoked_at IS NULL) < :kiosks_max
ON CONFLICT DO NOTHING
RETURNING kiosk_id;

-- name: kiosks(jurisdiction)
-- Those that show, by name; then those that were revoked in the last month.
SELECT kiosk_id, name, made_by, made_at, opened_at, seen_at, revoked_by, revoked_at
  FROM kiosk
 WHERE jurisdiction = :jurisdiction AND coalesce(revoked_at > clock_timestamp() - interval '30 days', true)
 ORDER BY revoked_at DESC NULLS FIRST, lower(name);

-- name: open(key_digest, token_digest)$
-- The browser that was this screen before is it no more. Null: the key opens nothing.
UPDATE kiosk SET token_digest = :token_digest, opened_at = clock_timestamp(), seen_at = clock_timestamp()
 WHERE key_digest = :key_digest AND revoked_at IS NULL
RETURNING kiosk_id;

-- name: find(token_digest, seen_every)^
WITH seen AS (
    UPDATE kiosk SET seen_at = clock_timestamp()
     WHERE token_digest = :token_digest AND seen_at NOT BETWEEN clock_timestamp() - :seen_every::interval AND clock_timestamp()
)
SELECT k.kiosk_id AS person_id, k.name, k.jurisdiction, j.name AS jurisdiction_name
  FROM kiosk k JOIN jurisdiction j USING (jurisdiction)
 WHERE k.token_digest = :token_digest;

-- name: revoke(jurisdiction, kiosk_id, by)!
UPDATE kiosk SET token_digest = NULL, revoked_at = clock_timestamp(), revoked_by = :by
 WHERE jurisdiction = :jurisdiction AND kiosk_id = :kiosk_id AND revoked_at IS NULL;
