-- name: begin(token_digest, person_id, hours, kept_days)!
-- One whose time is over may still be kept by an open alert; its cookie is gone after these days.
WITH swept AS (DELETE FROM session WHERE expires_at < clock_timestamp() - :kept_days::integer * interval '1 day')
INSERT INTO session (token_digest, person_id, expires_at)
VALUES (:token_digest, :person_id, clock_timestamp() + :hours::integer * interval '1 hour');

-- name: find(token_digest, second_factor)^
-- A session whose time is over goes on while an alert is open that its reader may see.
SELECT p.person_id, p.name, p.email, p.language, p.jurisdiction, j.name AS jurisdiction_name, p.role,
       CASE WHEN has_second_factor(p.person_id) THEN 'set' ELSE :second_factor::text END AS second_factor,
       s.expires_at <= clock_timestamp() AS kept, s.locked_at IS NOT NULL AS locked
  FROM session s JOIN person p USING (person_id) JOIN jurisdiction j USING (jurisdiction)
 WHERE s.token_digest = :token_digest
   AND (s.expires_at > clock_timestamp()
        -- Kept, not brought back: an alert of while it held, or of the hour after.
        OR EXISTS (SELECT FROM alert a WHERE a.jurisdiction = p.jurisdiction AND a.resolved_at IS NULL
                      AND a.stored_at < s.expires_at + interval '1 hour' AND NOT is_synthetic(a)
                      AND (a.drill OR p.role <> 'facilities')))
   AND coalesce(ends_at(p) > clock_timestamp(), true);

-- name: is_fresh(token_digest, fresh_s)$
SELECT EXISTS (SELECT FROM session WHERE token_digest = :token_digest
                  AND begun_at > clock_timestamp() - :fresh_s::integer * interval '1 s');

-- name: lock(token_digest)$
UPDATE session SET locked_at = clock_timestamp() WHERE token_digest = :token_digest AND locked_at IS NULL
RETURNING person_id;

-- name: unlock(token_digest, person_id)$
-- Whoever unlocks has just proven who they are, as at a sign-in.
UPDATE session SET locked_at = NULL, begun_at = clock_timestamp()
 WHERE token_digest = :token_digest AND person_id = :person_id AND locked_at IS NOT NULL
RETURNING person_id;

-- name: end(token_digest)!
DELETE FROM session WHERE token_digest = :token_digest;

-- name: end_weaker(token_digest, person_id)!
-- Of whoever has no second factor yet; what they began in another browser is not wanted any more either.
WITH unasked AS (DELETE FROM asked WHERE person_id = :person_id AND asker_digest <> :token_digest)
DELETE FROM session
 WHERE person_id = :person_id AND token_digest <> :token_digest AND NOT has_second_factor(:person_id);

-- name: end_others(token_digest, person_id)$
WITH ended AS (
       DELETE FROM session WHERE person_id = :person_id AND token_digest <> :token_digest
    RETURNING 1
), unasked AS (
       DELETE FROM asked WHERE person_id = :person_id AND asker_digest <> :token_digest
)
SELECT count(*) FROM ended;
