-- name: begin(token_digest, person_id, hours)!
WITH swept AS (DELETE FROM session WHERE expires_at < clock_timestamp())
INSERT INTO session (token_digest, person_id, expires_at)
VALUES (:token_digest, :person_id, clock_timestamp() + :hours::integer * interval '1 hour');

-- name: find(token_digest)^
SELECT p.person_id, p.name, p.email, p.jurisdiction, j.name AS jurisdiction_name, p.role
  FROM session s JOIN person p USING (person_id) JOIN jurisdiction j USING (jurisdiction)
 WHERE s.token_digest = :token_digest AND s.expires_at > clock_timestamp()
   AND coalesce(ends_at(p) > clock_timestamp(), true);

-- name: end(token_digest)!
DELETE FROM session WHERE token_digest = :token_digest;
