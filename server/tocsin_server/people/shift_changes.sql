-- name: people_known(jurisdiction, person_ids)$
-- How many of these people are of the jurisdiction.
SELECT count(*) FROM person WHERE jurisdiction = :jurisdiction AND person_id = ANY (:person_ids::uuid[]);

-- name: add_plan(jurisdiction, name, by, plans_max)$
-- Null: there are too many.
INSERT INTO shift_plan (jurisdiction, name, changed_by)
SELECT :jurisdiction, :name, :by
 WHERE (SELECT count(*) FROM shift_plan WHERE jurisdiction = :jurisdiction) < :plans_max
RETURNING plan_id;

-- name: rename_plan(jurisdiction, plan_id, name, by)$
UPDATE shift_plan SET name = :name, changed_by = :by, changed_at = clock_timestamp()
 WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id
RETURNING plan_id;

-- name: policies_that_tell(jurisdiction, plan_id)
-- The policies with a tier that names the plan.
SELECT name FROM policy p
 WHERE jurisdiction = :jurisdiction
   AND EXISTS (SELECT FROM jsonb_array_elements(p.tiers) AS tier WHERE tier->'shifts' ? :plan_id::text)
 ORDER BY name;

-- name: remove_plan(jurisdiction, plan_id)!
DELETE FROM shift_plan WHERE jurisdiction = :jurisdiction AND plan_id = :plan_id;

-- name: add_entry(jurisdiction, plan_id, person_id, days, from_minute, to_minute, valid_from, valid_until, every_weeks, anchor, by)$
WITH changed AS (
    UPDATE shift_plan SET changed_by = :by, changed_at = clock_timestamp() WHERE plan_id = :plan_id
)
INSERT INTO shift_entry
       (jurisdiction, plan_id, person_id, days, from_minute, to_minute, valid_from, valid_until, every_weeks, anchor)
VALUES (:jurisdiction, :plan_id, :person_id, :days::smallint[], :from_minute, :to_minute, :valid_from, :valid_until,
        :every_weeks, :anchor)
RETURNING entry_id;

-- name: change_entry(plan_id, entry_id, person_id, days, from_minute, to_minute, valid_from, valid_until, every_weeks, anchor, by)!
WITH changed AS (
    UPDATE shift_plan SET changed_by = :by, changed_at = clock_timestamp() WHERE plan_id = :plan_id
)
UPDATE shift_entry
   SET person_id = :person_id, days = :days::smallint[], from_minute = :from_minute, to_minute = :to_minute,
       valid_from = :valid_from, valid_until = :valid_until, every_weeks = :every_weeks, anchor = :anchor
 WHERE plan_id = :plan_id AND entry_id = :entry_id;

-- name: remove_entry(plan_id, entry_id, by)!
WITH changed AS (
    UPDATE shift_plan SET changed_by = :by, changed_at = clock_timestamp() WHERE plan_id = :plan_id
)
DELETE FROM shift_entry WHERE plan_id = :plan_id AND entry_id = :entry_id;

-- name: add_override(jurisdiction, plan_id, from_at, until_at, person_id, instead_of, by)$
INSERT INTO shift_override (jurisdiction, plan_id, from_at, until_at, person_id, instead_of, made_by)
VALUES (:jurisdiction, :plan_id, :from_at, :until_at, :person_id, :instead_of, :by)
RETURNING override_id;

-- name: remove_override(plan_id, override_id)!
DELETE FROM shift_override WHERE plan_id = :plan_id AND override_id = :override_id;

-- name: add_swap(jurisdiction, plan_id, entry_ids, from_ats, until_ats, person_ids, instead_of, by)$
-- Both halves together.
WITH swap AS MATERIALIZED (SELECT uuid7() AS swap_id), made AS (
    INSERT INTO shift_override
           (jurisdiction, plan_id, swap_id, entry_id, from_at, until_at, person_id, instead_of, made_by)
    SELECT :jurisdiction, :plan_id, swap.swap_id, half.*, :by
      FROM swap, unnest(:entry_ids::uuid[], :from_ats::timestamptz[], :until_ats::timestamptz[],
                        :person_ids::uuid[], :instead_of::uuid[]) AS half
)
SELECT swap_id FROM swap;

-- name: remove_swap(plan_id, swap_id)!
DELETE FROM shift_override WHERE plan_id = :plan_id AND swap_id = :swap_id;
