-- name: add(jurisdiction, person_id, method, address, quiet_from, quiet_to, verified_by, contacts_max)^
-- After the others of this person. No row: no such person, or the most that anybody may have.
INSERT INTO contact (jurisdiction, person_id, method, address, position, quiet_from, quiet_to, verified_at, verified_by)
SELECT p.jurisdiction, p.person_id, :method, :address, coalesce(max(c.position), 0) + 1, :quiet_from::time, :quiet_to::time,
       CASE WHEN :verified_by::text IS NOT NULL THEN clock_timestamp() END, :verified_by
  FROM person p LEFT JOIN contact c USING (person_id)
 WHERE p.jurisdiction = :jurisdiction AND p.person_id = :person_id
 GROUP BY p.person_id
HAVING count(c.contact_id) < :contacts_max
RETURNING contact_id;

-- name: say_code(contact_id, body, codes_max)$
-- The message that shows whether anything arrives there. No row: too many went there within an hour.
INSERT INTO notification (jurisdiction, purpose, person_id, name, contact_id, method, address, language, body)
SELECT c.jurisdiction, 'verify', p.person_id, p.name, c.contact_id, c.method, c.address, p.language, :body
  FROM contact c JOIN person p USING (person_id)
 WHERE c.contact_id = :contact_id
   AND (SELECT count(*) FROM notification n
         WHERE n.address = c.address AND n.purpose = 'verify' AND n.created_at > clock_timestamp() - interval '1 hour')
       < :codes_max::integer
RETURNING notification_id;

-- name: renew_code(jurisdiction, person_id, contact_id, code_digest, code_lasts_s, code_again_s)^
-- `too_soon`: the code before was sent within the last `code_again_s`; whoever asks rolls this back.
UPDATE contact c SET code_digest = :code_digest, code_tries = 0,
       code_expires_at = clock_timestamp() + :code_lasts_s::double precision * interval '1 s'
  FROM person p, contact was
 WHERE c.jurisdiction = :jurisdiction AND c.person_id = :person_id AND c.contact_id = :contact_id
   AND p.person_id = c.person_id AND was.contact_id = c.contact_id
RETURNING p.language,
       coalesce(was.code_expires_at - :code_lasts_s * interval '1 s'
                > clock_timestamp() - :code_again_s::double precision * interval '1 s', false) AS too_soon;

-- name: try_code(jurisdiction, person_id, contact_id, code_digest, tries_max)^
-- Every try counts, also a right one that comes too late. `right` null: there is no code that could be.
UPDATE contact
   SET code_tries = code_tries + 1,
       verified_at = CASE WHEN open AND code_digest = :code_digest THEN clock_timestamp() ELSE verified_at END,
       verified_by = CASE WHEN open AND code_digest = :code_digest THEN 'a code' ELSE verified_by END,
       unreachable = CASE WHEN open AND code_digest = :code_digest THEN NULL ELSE unreachable END,
       unreachable_at = CASE WHEN open AND code_digest = :code_digest THEN NULL ELSE unreachable_at END,
       code_digest = CASE WHEN open AND code_digest = :code_digest THEN NULL ELSE code_digest END
  FROM (SELECT contact_id AS id, coalesce(code_expires_at > clock_timestamp() AND code_tries < :tries_max::integer, false) AS open,
               code_digest = :code_digest AS matches
          FROM contact WHERE contact_id = :contact_id FOR NO KEY UPDATE) AS was
 WHERE contact_id = was.id AND jurisdiction = :jurisdiction AND person_id = :person_id
RETURNING CASE WHEN was.open THEN was.matches END AS right;

-- name: waiting_for_code(address)
-- Contacts of this address that wait for a code.
SELECT c.contact_id, c.jurisdiction, c.person_id, p.language FROM contact c JOIN person p USING (person_id)
 WHERE c.address = :address AND c.verified_at IS NULL AND c.code_digest IS NOT NULL ORDER BY c.added_at DESC LIMIT 5;

-- name: vouch(jurisdiction, person_id, contact_id, by)$
UPDATE contact SET verified_at = clock_timestamp(), verified_by = :by, unreachable = NULL, unreachable_at = NULL, code_digest = NULL
 WHERE jurisdiction = :jurisdiction AND person_id = :person_id AND contact_id = :contact_id RETURNING contact_id;

-- name: remove(jurisdiction, person_id, contact_id)$
DELETE FROM contact WHERE jurisdiction = :jurisdiction AND person_id = :person_id AND contact_id = :contact_id RETURNING contact_id;

-- name: set_order(jurisdiction, person_id, contact_ids)$
-- How many of them there are; the person's others stay behind these.
WITH wanted AS (
    SELECT contact_id, n FROM unnest(:contact_ids::uuid[]) WITH ORDINALITY AS o(contact_id, n)
), moved AS (
    UPDATE contact c SET position = coalesce(w.n, 1000 + c.position)
      FROM contact k LEFT JOIN wanted w USING (contact_id)
     WHERE k.contact_id = c.contact_id AND c.jurisdiction = :jurisdiction AND c.person_id = :person_id
    RETURNING w.n
)
SELECT count(n) FROM moved;

-- name: set_quiet(jurisdiction, person_id, contact_id, quiet_from, quiet_to)$
UPDATE contact SET quiet_from = :quiet_from::time, quiet_to = :quiet_to::time
 WHERE jurisdiction = :jurisdiction AND person_id = :person_id AND contact_id = :contact_id RETURNING contact_id;

-- name: opt_out(address, why)!
-- Whoever texts STOP gets no text any more, whichever county has the number.
UPDATE contact SET unreachable = :why, unreachable_at = clock_timestamp()
 WHERE address = :address AND method = 'sms' AND unreachable IS NULL;

-- name: opt_in(address)!
UPDATE contact SET unreachable = NULL, unreachable_at = NULL
 WHERE address = :address AND method = 'sms' AND unreachable IS NOT NULL;

-- name: claim_unchecked(every, most)
-- Numbers to which texts go, and that nobody has looked up for so long: this replica's now, as each
-- look-up costs money.
UPDATE contact SET checked_at = clock_timestamp()
 WHERE contact_id IN (SELECT contact_id FROM contact
                       WHERE method = 'sms' AND coalesce(checked_at < clock_timestamp() - :every::interval, true)
                       ORDER BY checked_at NULLS FIRST LIMIT :most::integer FOR NO KEY UPDATE SKIP LOCKED)
RETURNING contact_id, address;

-- name: checked(contact_id, unreachable)!
-- What a look-up found; one that failed for another reason stays so.
UPDATE contact SET unreachable = coalesce(unreachable, :unreachable), unreachable_at = coalesce(unreachable_at, clock_timestamp())
 WHERE contact_id = :contact_id;

-- name: not_checked(contact_ids)!
UPDATE contact SET checked_at = NULL WHERE contact_id = ANY (:contact_ids::uuid[]);
