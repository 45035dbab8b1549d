-- name: add_claim(jurisdiction, code_digest, place_id, site_id, label, created_by, minutes)^
-- No row: the site or the place is not of this jurisdiction.
INSERT INTO claim (jurisdiction, code_digest, place_id, site_id, label, created_by, expires_at)
SELECT :jurisdiction, :code_digest, :place_id::uuid, :site_id::uuid, :label, :created_by,
       clock_timestamp() + :minutes::integer * interval '1 minute'
 WHERE (:place_id IS NULL OR EXISTS (SELECT FROM place WHERE jurisdiction = :jurisdiction AND place_id = :place_id))
   AND (:site_id IS NULL OR EXISTS (SELECT FROM site WHERE jurisdiction = :jurisdiction AND site_id = :site_id))
RETURNING claim_id, expires_at;

-- name: open_claims(jurisdiction)
SELECT c.claim_id, s.site_id, s.name AS site, p.building, p.floor, p.room, p.spot, c.label,
       c.created_by, c.created_at, c.expires_at
  FROM claim c
  LEFT JOIN place p USING (place_id)
  LEFT JOIN site s ON s.site_id = coalesce(c.site_id, p.site_id)
 WHERE c.jurisdiction = :jurisdiction AND c.used_at IS NULL AND c.expires_at > clock_timestamp()
 ORDER BY c.created_at DESC;

-- name: claim(jurisdiction, claim_id)^
SELECT claim_id, expires_at, used_at, device_id FROM claim
 WHERE jurisdiction = :jurisdiction AND claim_id = :claim_id;

-- name: claim_of_code(jurisdiction, code_digest)$
SELECT claim_id FROM claim WHERE jurisdiction = :jurisdiction AND code_digest = :code_digest;

-- name: revoke_claim(jurisdiction, claim_id)$
-- Null: no such claim. Empty: it is gone. Else who has used it, and it stays.
WITH known AS MATERIALIZED (
    SELECT claim_id, device_id FROM claim
     WHERE jurisdiction = :jurisdiction AND claim_id = :claim_id FOR UPDATE
), gone AS (
    DELETE FROM claim c USING known WHERE c.claim_id = known.claim_id AND known.device_id IS NULL
)
SELECT coalesce(device_id, '') FROM known;

-- name: is_known(code_digest)$
SELECT EXISTS (SELECT FROM claim WHERE code_digest = :code_digest);

-- name: to_redeem(code_digest)^
-- The claim of a code, held until this transaction ends: of two boards that have it one comes first.
SELECT c.claim_id, c.jurisdiction, c.place_id, c.site_id, c.created_by, c.expires_at, c.used_at, c.times,
       c.device_id, c.press_key_digest, c.tls_key_digest, j.time_zone, clock_timestamp() AS now
  FROM claim c JOIN jurisdiction j USING (jurisdiction)
 WHERE c.code_digest = :code_digest
   FOR UPDATE OF c;

-- name: whose_keys(press_key, press_key_digest, tls_key_digest)^
-- Which button has one of these keys already, and since when by a code; keys that travelled in a folder are no claim's.
SELECT device_id, used_at FROM claim
 WHERE press_key_digest = :press_key_digest OR tls_key_digest = :tls_key_digest
UNION ALL
SELECT device_id, NULL FROM device WHERE public_key = :press_key
 LIMIT 1;

-- name: use_claim(claim_id, device_id, press_key_digest, tls_key_digest, board_serial, model, firmware)!
UPDATE claim
   SET used_at = clock_timestamp(), times = 1, device_id = :device_id, press_key_digest = :press_key_digest,
       tls_key_digest = :tls_key_digest, board_serial = :board_serial, model = :model, firmware = :firmware
 WHERE claim_id = :claim_id;

-- name: use_again(claim_id)!
UPDATE claim SET times = times + 1 WHERE claim_id = :claim_id;

-- name: where_is(device_id)^
SELECT s.name AS site, concat_ws(', ', p.building, p.floor, p.room, p.spot) AS place
  FROM device d JOIN place p USING (place_id) JOIN site s USING (site_id)
 WHERE d.device_id = :device_id;
