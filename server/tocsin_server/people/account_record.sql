-- name: append(person_id, name, payload)!
SELECT append_account_event(:person_id, :name, :payload::json);

-- name: append_refusal(person_id, email, payload, refusals_max)!
SELECT append_account_event(p.person_id, 'sign_in_refused', :payload::json)
  FROM person p
 WHERE (p.person_id = :person_id::uuid OR lower(p.email) = lower(:email::text))
   AND (SELECT count(*) FROM account_event e
         WHERE e.person_id = p.person_id AND e.name = 'sign_in_refused'
           AND e.at > clock_timestamp() - interval '1 hour') < :refusals_max;

-- name: newest(person_id, most)
SELECT at, name, coalesce(payload, '{}')::text AS payload
  FROM account_event WHERE person_id = :person_id ORDER BY n DESC LIMIT :most;
