-- name: plans(jurisdiction)
-- The plans of a jurisdiction, or (null) of all, by name.
SELECT p.plan_id, p.jurisdiction, p.name, j.time_zone
  FROM shift_plan p JOIN jurisdiction j USING (jurisdiction)
 WHERE :jurisdiction::text IS NULL OR p.jurisdiction = :jurisdiction
 ORDER BY p.name, p.plan_id;

-- name: entries(jurisdiction)
-- In the order in which they were made.
SELECT entry_id, plan_id, person_id, days, from_minute, to_minute, valid_from, valid_until, every_weeks, anchor
  FROM shift_entry
 WHERE :jurisdiction::text IS NULL OR jurisdiction = :jurisdiction
 ORDER BY entry_id;

-- name: overrides(jurisdiction, since)
-- Those that last beyond a moment (null: beyond yesterday), in the order in which they were made.
SELECT override_id, plan_id, from_at, until_at, person_id, instead_of, swap_id, entry_id, made_by
  FROM shift_override
 WHERE (:jurisdiction::text IS NULL OR jurisdiction = :jurisdiction)
   AND until_at > coalesce(:since, clock_timestamp() - interval '1 day')
 ORDER BY override_id;

-- name: account_ends(jurisdiction)
SELECT person_id, ends_at(person) AS ends_at
  FROM person
 WHERE ends_on IS NOT NULL AND (:jurisdiction::text IS NULL OR jurisdiction = :jurisdiction);

-- name: clock(jurisdiction)^
SELECT time_zone, clock_timestamp() AS now FROM jurisdiction WHERE jurisdiction = :jurisdiction;
