-- name: factors(person_id)^
SELECT EXISTS (SELECT FROM code_app WHERE person_id = :person_id AND secret IS NOT NULL) AS has_codes,
       EXISTS (SELECT FROM passkey WHERE person_id = :person_id) AS has_passkeys;
