-- name: add_person(jurisdiction, name, email, role, outside_agency, password_hash, ends_on, language)$
INSERT INTO person (jurisdiction, name, email, role, outside_agency, password_hash, ends_on, language)
VALUES (:jurisdiction, :name, :email, :role, :outside_agency, :password_hash, :ends_on, :language)
RETURNING person_id;

-- name: people(jurisdiction)
SELECT person_id, name, email, role, outside_agency, language,
       password_hash IS NOT NULL AS can_sign_in, ends_on,
       coalesce(ends_at(person) <= clock_timestamp(), false) AS has_ended,
       coalesce((SELECT json_agg(json_build_object(
                        'contact_id', contact_id, 'method', method, 'address', address, 'verified_at', verified_at,
                        'verified_by', verified_by, 'unreachable', unreachable, 'quiet_from', quiet_from, 'quiet_to', quiet_to,
                        'code_until', CASE WHEN code_digest IS NOT NULL AND code_expires_at > clock_timestamp() THEN code_expires_at END)
                        ORDER BY position, contact_id)
                   FROM contact c WHERE c.person_id = person.person_id), '[]')::text AS contacts
  FROM person
 WHERE jurisdiction = :jurisdiction
 ORDER BY name, person_id;

-- name: account(email)^
-- E-mail addresses are unique over all jurisdictions: they say which one is signed in to.
SELECT p.person_id, p.jurisdiction, j.name AS jurisdiction_name, p.name, p.email, p.role, p.password_hash,
       p.ends_on, coalesce(ends_at(p) <= clock_timestamp(), false) AS has_ended
  FROM person p JOIN jurisdiction j USING (jurisdiction)
 WHERE lower(p.email) = lower(:email);

-- name: account_of(person_id)^
SELECT p.person_id, p.jurisdiction, j.name AS jurisdiction_name, p.name, p.email, p.role,
       p.ends_on, coalesce(ends_at(p) <= clock_timestamp(), false) AS has_ended
  FROM person p JOIN jurisdiction j USING (jurisdiction)
 WHERE p.person_id = :person_id;

-- name: set_password(jurisdiction, person_id, password_hash)$
-- Whoever signed in with the old password is signed out.
WITH changed AS (
       UPDATE person SET password_hash = :password_hash
        WHERE jurisdiction = :jurisdiction AND person_id = :person_id
    RETURNING person_id
), signed_out AS (
    DELETE FROM session USING changed WHERE session.person_id = changed.person_id
), unasked AS (
    DELETE FROM asked USING changed WHERE asked.person_id = changed.person_id
)
SELECT person_id, append_account_event(person_id, 'password_changed', '{}') FROM changed;

-- name: set_end(jurisdiction, person_id, ends_on)^
UPDATE person SET ends_on = :ends_on::date WHERE jurisdiction = :jurisdiction AND person_id = :person_id
RETURNING coalesce(ends_at(person) <= clock_timestamp(), false) AS has_ended;

-- name: set_language(jurisdiction, person_id, language)$
UPDATE person SET language = :language WHERE jurisdiction = :jurisdiction AND person_id = :person_id
RETURNING person_id;

-- name: rehash(person_id, old_hash, new_hash)!
-- Only where the password is still the one that was checked.
UPDATE person SET password_hash = :new_hash WHERE person_id = :person_id AND password_hash = :old_hash;
