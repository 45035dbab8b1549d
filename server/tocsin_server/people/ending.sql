-- name: today(jurisdiction)$
SELECT (clock_timestamp() AT TIME ZONE time_zone)::date FROM jurisdiction WHERE jurisdiction = :jurisdiction;

-- name: vacancies(within)
-- Tiers with people who can be told, all of whom have accounts that end, the last within this time or
-- already. What a hand in the database has broken is nobody.
SELECT p.jurisdiction, p.name AS policy, t.n::integer AS tier,
       array_agg(m.name ORDER BY m.ends_on, m.name) AS names, max(m.ends_on) AS ends_on,
       max(ends_at(m)) <= clock_timestamp() AS is_empty
  FROM policy p
 CROSS JOIN LATERAL jsonb_array_elements(p.tiers) WITH ORDINALITY AS t(tier, n)
  JOIN person m ON m.jurisdiction = p.jurisdiction AND t.tier->'people' ? m.person_id::text 
   AND EXISTS (SELECT FROM contact c WHERE c.person_id = m.person_id AND c.verified_at IS NOT NULL AND c.unreachable IS NULL)
 GROUP BY p.policy_id, p.jurisdiction, p.name, t.n
HAVING bool_and(m.ends_on IS NOT NULL) AND max(ends_at(m)) < clock_timestamp() + :within::interval
 ORDER BY p.jurisdiction, p.name, t.n;
