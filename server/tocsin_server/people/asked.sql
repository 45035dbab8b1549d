-- name: ask(asker_digest, purpose, person_id, challenge, lasts_s, waiting_max)$
WITH swept AS (DELETE FROM asked WHERE expires_at < clock_timestamp() - interval '1 minute')
INSERT INTO asked (asker_digest, purpose, person_id, challenge, expires_at)
SELECT :asker_digest, :purpose, :person_id::uuid, :challenge, clock_timestamp() + :lasts_s::integer * interval '1 s'
 WHERE (SELECT count(*) FROM asked WHERE purpose = :purpose) < :waiting_max -- strangers never fill what a password opened
ON CONFLICT (asker_digest, purpose) DO UPDATE
   SET person_id = excluded.person_id, challenge = excluded.challenge, expires_at = excluded.expires_at
RETURNING true;

-- name: look(asker_digest, purpose)^
SELECT person_id, challenge FROM asked
 WHERE asker_digest = :asker_digest AND purpose = :purpose AND expires_at > clock_timestamp();

-- name: take(asker_digest, purpose)^
WITH taken AS (
       DELETE FROM asked WHERE asker_digest = :asker_digest AND purpose = :purpose
    RETURNING person_id, challenge, expires_at
)
SELECT person_id, challenge FROM taken WHERE expires_at > clock_timestamp();
