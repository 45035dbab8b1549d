-- name: mute(jurisdiction, person_id, name, for_s)$
SELECT mute(:jurisdiction, :person_id, :name, :for_s);

-- name: end_mute(person_id)$
SELECT end_mute(:person_id)::text;

-- name: muted()
-- Who is muted now, who is so the longest first.
SELECT m.jurisdiction, p.name, m.until FROM muting m JOIN person p USING (person_id)
 WHERE m.until > clock_timestamp() ORDER BY m.until DESC, p.name;
