-- name: learn(device_ids, digests)!
-- Take what these buttons say of the network as their place's, where it learns: it knows nothing yet, or
-- somebody has just confirmed it. Never what is in doubt. Sorted, so that replicas can not deadlock.
WITH said AS MATERIALIZED (
    SELECT p.place_id, r.digest
      FROM unnest(:device_ids::text[], :digests::text[]) AS r(device_id, digest)
      JOIN device d USING (device_id)
      JOIN place p USING (place_id)
     WHERE d.place_confirmed_at IS NOT NULL AND NOT r.digest = ANY (p.digests)
       AND (p.digests = '{}' OR p.learns_until > clock_timestamp())
       AND NOT EXISTS (SELECT FROM place_doubt x WHERE x.device_id = r.device_id)
     ORDER BY p.place_id
       FOR UPDATE OF p
)
UPDATE place p
   SET digests = with_learned(p.digests, learned.digests),
       learns_until = CASE WHEN p.digests = '{}' THEN clock_timestamp() + learning_time() ELSE p.learns_until END
  FROM (SELECT place_id, array_agg(digest) AS digests FROM said GROUP BY place_id) AS learned
 WHERE p.place_id = learned.place_id;

-- name: doubt(device_ids, digests, verdicts)!
-- Keep what was decided of these buttons, unless the place has learned it meanwhile. Of two replicas the
-- first counts; a doubtful button stays so, whatever else it says, until somebody looked.
INSERT INTO place_doubt AS x (device_id, jurisdiction, digest, verdict)
SELECT r.device_id, d.jurisdiction, r.digest, r.verdict
  FROM unnest(:device_ids::text[], :digests::text[], :verdicts::text[]) AS r(device_id, digest, verdict)
  JOIN device d USING (device_id)
  JOIN place p USING (place_id)
 WHERE d.place_confirmed_at IS NOT NULL AND NOT r.digest = ANY (p.digests)
 ORDER BY r.device_id
    ON CONFLICT (device_id) DO UPDATE
   SET digest = excluded.digest, verdict = excluded.verdict,
       at = CASE WHEN x.verdict = excluded.verdict THEN x.at ELSE excluded.at END
 WHERE x.digest <> excluded.digest AND (x.verdict = 'network' OR excluded.verdict = 'doubtful');

-- name: known_again(device_ids)!
-- These are heard as their place knows them.
DELETE FROM place_doubt WHERE device_id IN
    (SELECT device_id FROM place_doubt WHERE device_id = ANY (:device_ids::text[]) ORDER BY device_id FOR UPDATE);

-- name: doubts()
-- Every button in doubt, and for how long; as with all buttons, there are few.
SELECT device_id, digest, verdict, at,
       greatest(extract(epoch FROM clock_timestamp() - at)::double precision, 0) AS age_s
  FROM place_doubt;

-- name: confirm_network(jurisdiction, site_id, confirmed_by)^
-- One act for all buttons of a site: what those of the notice say is learned, and the others of the site,
-- which may not be back yet, have the learning time for it. No row: no such site in the jurisdiction.
WITH noticed AS MATERIALIZED (
    SELECT x.device_id, x.digest, d.place_id
      FROM place_doubt x
      JOIN device d USING (device_id)
      JOIN place p USING (place_id)
     WHERE p.jurisdiction = :jurisdiction AND p.site_id = :site_id AND x.verdict = 'network'
     ORDER BY x.device_id
       FOR UPDATE OF x
), ended AS (
    DELETE FROM place_doubt x USING noticed n WHERE x.device_id = n.device_id
), learned AS (
    UPDATE place p
       SET digests = with_learned(p.digests, ARRAY(SELECT digest FROM noticed n WHERE n.place_id = p.place_id)),
           learns_until = clock_timestamp() + learning_time()
     WHERE p.jurisdiction = :jurisdiction AND p.site_id = :site_id AND EXISTS (SELECT FROM noticed)
), signed AS (
    UPDATE site s SET network_confirmed_at = clock_timestamp(), network_confirmed_by = :confirmed_by
     WHERE s.jurisdiction = :jurisdiction AND s.site_id = :site_id AND EXISTS (SELECT FROM noticed)
)
SELECT s.name AS site, (SELECT count(*) FROM noticed)::integer AS buttons
  FROM site s WHERE s.jurisdiction = :jurisdiction AND s.site_id = :site_id;
