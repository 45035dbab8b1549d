-- name: tell(jurisdiction, faults, ages_s, address, body, repeat, again_s)$
-- Claim faults and leave the message about them pending, together. Of several replicas one wins;
-- false: everything in it was told already. A null body claims and sends nothing.
WITH claimed AS (
    INSERT INTO fault_told AS t (jurisdiction, fault, began_at, at)
    SELECT :jurisdiction, f.fault, coalesce(clock_timestamp() - f.age_s * interval '1 s', '-infinity'), clock_timestamp()
      FROM unnest(:faults::text[], :ages_s::double precision[]) AS f(fault, age_s)
     ORDER BY f.fault
        ON CONFLICT (jurisdiction, fault) DO UPDATE SET began_at = excluded.began_at, at = excluded.at
     WHERE t.at < excluded.at - :again_s::double precision * interval '1 s'
       AND (:repeat::boolean OR t.at < excluded.began_at)
    RETURNING fault
), told AS (
    INSERT INTO notification (jurisdiction, purpose, name, address, body)
    SELECT :jurisdiction, 'fault', 'On-call', :address, :body::text
     WHERE :body::text IS NOT NULL AND EXISTS (SELECT FROM claimed)
)
SELECT EXISTS (SELECT FROM claimed);

-- name: say(jurisdiction, address, body)!
INSERT INTO notification (jurisdiction, purpose, name, address, body)
VALUES (:jurisdiction, 'fault', 'On-call', :address, :body);

-- name: told(prefix)
-- What was told, and how long ago.
SELECT jurisdiction, fault, extract(epoch FROM clock_timestamp() - at)::double precision AS age_s
  FROM fault_told WHERE starts_with(fault, :prefix);

-- name: forget(prefix, standing, forget_s)!
-- Faults that are gone may be told anew, but a fault that flickers not at every turn.
DELETE FROM fault_told
 WHERE starts_with(fault, :prefix) AND at < clock_timestamp() - :forget_s::double precision * interval '1 s'
   AND NOT fault = ANY (:standing::text[]);
