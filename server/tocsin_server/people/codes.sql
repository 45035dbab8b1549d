-- name: spend_try(person_id, tries_max, tries_s)^
-- Counted before it is known whether it is right: many at once are limited like one after another.
UPDATE code_app
   SET tries = CASE WHEN tries_from < clock_timestamp() - :tries_s::integer * interval '1 s' THEN 1 ELSE tries + 1 END,
       tries_from = CASE WHEN tries_from < clock_timestamp() - :tries_s::integer * interval '1 s' THEN clock_timestamp()
                         ELSE tries_from END
 WHERE person_id = :person_id AND secret IS NOT NULL
   AND (tries < :tries_max OR tries_from < clock_timestamp() - :tries_s::integer * interval '1 s')
RETURNING secret, extract(epoch FROM clock_timestamp())::double precision AS now_s;

-- name: take_step(person_id, step)$
UPDATE code_app SET last_step = :step, tries = 0
 WHERE person_id = :person_id AND last_step < :step
RETURNING true;

-- name: take_recovery_code(person_id, code_digest)$
-- How many are left, or nothing where it is none.
WITH taken AS (
       DELETE FROM recovery_code WHERE person_id = :person_id AND code_digest = :code_digest
    RETURNING person_id
), forgiven AS (
    UPDATE code_app SET tries = 0 FROM taken WHERE code_app.person_id = taken.person_id
)
SELECT (SELECT count(*) FROM recovery_code r WHERE r.person_id = taken.person_id) - 1 FROM taken;

-- name: offer(person_id, secret)!
INSERT INTO code_app (person_id, offered_secret, offered_at) VALUES (:person_id, :secret, clock_timestamp())
ON CONFLICT (person_id) DO UPDATE SET offered_secret = excluded.offered_secret, offered_at = excluded.offered_at;

-- name: offered(person_id, lasts_s)^
SELECT offered_secret, extract(epoch FROM clock_timestamp())::double precision AS now_s
  FROM code_app
 WHERE person_id = :person_id AND offered_at > clock_timestamp() - :lasts_s::integer * interval '1 s'
   AND offered_secret IS NOT NULL
   FOR UPDATE;

-- name: accept_offer(person_id, step)!
UPDATE code_app
   SET secret = offered_secret, confirmed_at = clock_timestamp(), offered_secret = NULL, offered_at = NULL,
       last_step = :step, tries = 0
 WHERE person_id = :person_id;

-- name: has_codes(person_id)$
SELECT EXISTS (SELECT FROM code_app WHERE person_id = :person_id AND secret IS NOT NULL);

-- name: set_recovery_codes(person_id, code_digests)!
WITH former AS (DELETE FROM recovery_code WHERE person_id = :person_id)
INSERT INTO recovery_code SELECT :person_id, unnest(:code_digests::bytea[]);
