-- name: sign_in_of(jurisdiction, person_id)^
SELECT p.person_id, p.name, p.email, c.confirmed_at AS codes_since,
       (SELECT count(*) FROM recovery_code r WHERE r.person_id = p.person_id) AS recovery_codes,
       (SELECT count(*) FROM session s WHERE s.person_id = p.person_id AND s.expires_at > clock_timestamp()) AS sessions
  FROM person p LEFT JOIN code_app c USING (person_id)
 WHERE p.jurisdiction = :jurisdiction AND p.person_id = :person_id;

-- name: lock(person_id)$
SELECT true FROM person WHERE person_id = :person_id FOR NO KEY UPDATE;

-- name: has_any(person_id)$
SELECT has_second_factor(:person_id);

-- name: remove_passkey(person_id, passkey_id)$
DELETE FROM passkey WHERE person_id = :person_id AND passkey_id = :passkey_id RETURNING name;

-- name: remove_codes(person_id)$
WITH gone AS (DELETE FROM recovery_code WHERE person_id = :person_id)
DELETE FROM code_app WHERE person_id = :person_id AND secret IS NOT NULL RETURNING true;

-- name: take_away(jurisdiction, person_id)$
WITH who AS (
    SELECT person_id FROM person WHERE jurisdiction = :jurisdiction AND person_id = :person_id
), passkeys AS (
    DELETE FROM passkey USING who WHERE passkey.person_id = who.person_id
), apps AS (
    DELETE FROM code_app USING who WHERE code_app.person_id = who.person_id
), codes AS (
    DELETE FROM recovery_code USING who WHERE recovery_code.person_id = who.person_id
), wanted AS (
    DELETE FROM asked USING who WHERE asked.person_id = who.person_id
), signed_out AS (
    DELETE FROM session USING who WHERE session.person_id = who.person_id
)
SELECT true FROM who;
