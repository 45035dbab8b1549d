-- name: set_policy(jurisdiction, name, tiers)$
-- A policy of this name takes the new tiers; open alerts keep those they began with.
WITH changed AS (
    UPDATE policy SET tiers = :tiers::jsonb
     WHERE jurisdiction = :jurisdiction AND name = :name
    RETURNING policy_id
), added AS (
    INSERT INTO policy (jurisdiction, name, tiers)
    SELECT :jurisdiction, :name, :tiers::jsonb WHERE NOT EXISTS (SELECT FROM changed)
    RETURNING policy_id
)
SELECT policy_id FROM changed UNION ALL SELECT policy_id FROM added;

-- name: policies(jurisdiction)
SELECT p.policy_id, p.name, p.policy_id = j.policy_id AS is_default, p.tiers::text,
       array(SELECT s.name FROM site s WHERE s.policy_id = p.policy_id ORDER BY s.name) AS sites,
       coalesce((SELECT json_agg(json_build_object('site_id', c.site_id, 'site', s.name, 'kind', c.kind)
                                 ORDER BY s.name NULLS FIRST, c.kind NULLS FIRST)
                   FROM (SELECT site_id, kind FROM policy_choice WHERE policy_id = p.policy_id
                         UNION ALL SELECT site_id, NULL FROM site WHERE policy_id = p.policy_id) c
                   LEFT JOIN site s USING (site_id)), '[]')::text AS choices
  FROM policy p JOIN jurisdiction j USING (jurisdiction)
 WHERE p.jurisdiction = :jurisdiction
 ORDER BY p.name, p.policy_id;

-- name: now()$
SELECT clock_timestamp();

-- name: choose(jurisdiction, site_id, kind, policy_id)$
-- False: no such site or policy here.
INSERT INTO policy_choice (jurisdiction, site_id, kind, policy_id)
SELECT :jurisdiction, :site_id, :kind, p.policy_id FROM policy p
 WHERE p.jurisdiction = :jurisdiction AND p.policy_id = :policy_id
   AND (:site_id::uuid IS NULL OR EXISTS (SELECT FROM site s WHERE s.site_id = :site_id AND s.jurisdiction = :jurisdiction))
    ON CONFLICT (jurisdiction, site_id, kind) DO UPDATE SET policy_id = excluded.policy_id
RETURNING true;

-- name: choose_for_site(jurisdiction, site_id, policy_id)$
-- Whatever is pressed there, but for kinds with a policy of their own. A null policy: the jurisdiction's.
UPDATE site SET policy_id = p.policy_id
  FROM (SELECT policy_id FROM policy WHERE jurisdiction = :jurisdiction AND policy_id = :policy_id::uuid
        UNION ALL SELECT NULL WHERE :policy_id::uuid IS NULL) p
 WHERE site.jurisdiction = :jurisdiction AND site.site_id = :site_id RETURNING true;

-- name: unchoose(jurisdiction, site_id, kind)$
DELETE FROM policy_choice
 WHERE jurisdiction = :jurisdiction AND site_id IS NOT DISTINCT FROM :site_id::uuid AND kind = :kind RETURNING true;

-- name: remove(jurisdiction, policy_id)$
-- Not while anything names it. Open alerts keep their tiers.
DELETE FROM policy p
 WHERE p.jurisdiction = :jurisdiction AND p.policy_id = :policy_id
   AND NOT EXISTS (SELECT FROM jurisdiction j WHERE j.policy_id = p.policy_id)
   AND NOT EXISTS (SELECT FROM site s WHERE s.policy_id = p.policy_id)
   AND NOT EXISTS (SELECT FROM policy_choice c WHERE c.policy_id = p.policy_id)
RETURNING policy_id;

-- name: is_there(jurisdiction, policy_id)$
SELECT true FROM policy WHERE jurisdiction = :jurisdiction AND policy_id = :policy_id;
