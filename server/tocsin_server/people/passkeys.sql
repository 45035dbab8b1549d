-- name: of_credential(credential_id)^
SELECT passkey_id, person_id, public_key, name FROM passkey WHERE credential_id = :credential_id;

-- name: use(passkey_id, sign_count)$
-- WebAuthn, section 6.1.1: many authenticators count nothing and say 0; the others only ever count up.
UPDATE passkey SET sign_count = :sign_count::bigint, last_used_at = clock_timestamp()
 WHERE passkey_id = :passkey_id AND (:sign_count::bigint > sign_count OR (:sign_count::bigint = 0 AND sign_count = 0))
RETURNING true;

-- name: ids(person_id)
SELECT credential_id FROM passkey WHERE person_id = :person_id;

-- name: of_person(person_id)
SELECT passkey_id, name, added_at, last_used_at FROM passkey WHERE person_id = :person_id ORDER BY added_at, passkey_id;

-- name: add(person_id, credential_id, public_key, sign_count, name)!
INSERT INTO passkey (person_id, credential_id, public_key, sign_count, name)
VALUES (:person_id, :credential_id, :public_key, :sign_count, :name);
