-- Shifts: weekly plans of who answers, and what is different in single spans of time.

CREATE TABLE shift_plan (
    plan_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    name         text NOT NULL,
    changed_by   text NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (jurisdiction, name)
);

-- Who is on, by the clock on the jurisdiction's wall. One that ends at or before the minute it begins in
-- ends on the next day.
CREATE TABLE shift_entry (
    entry_id     uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    plan_id      uuid NOT NULL REFERENCES shift_plan ON DELETE CASCADE,
    person_id    uuid NOT NULL REFERENCES person,
    -- On which it begins; 0 is Monday.
    days         smallint[] NOT NULL CHECK (days <@ '{0,1,2,3,4,5,6}' AND cardinality(days) BETWEEN 1 AND 7),
    from_minute  smallint NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
    to_minute    smallint NOT NULL CHECK (to_minute BETWEEN 1 AND 1440 AND to_minute <> from_minute),
    valid_from   date,                         -- the first and the last day on which it may begin
    valid_until  date CHECK (valid_until >= valid_from),
    every_weeks  smallint NOT NULL DEFAULT 1 CHECK (every_weeks BETWEEN 1 AND 52),
    anchor       date,                         -- the first day of a week (of seven days) in which it holds
    CHECK ((anchor IS NOT NULL) = (every_weeks > 1))
);
CREATE INDEX shift_entry_plan ON shift_entry (plan_id);

-- A later one goes on what the earlier ones have left. Without `person_id`: nobody; without `instead_of`: besides
-- the others (or, with neither: nobody at all).
CREATE TABLE shift_override (
    override_id  uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    plan_id      uuid NOT NULL REFERENCES shift_plan ON DELETE CASCADE,
    from_at      timestamptz NOT NULL,
    until_at     timestamptz NOT NULL CHECK (until_at > from_at),
    person_id    uuid REFERENCES person,
    instead_of   uuid REFERENCES person,
    -- Of a swap: its two halves have one swap_id, and each is of one entry alone.
    swap_id      uuid,
    entry_id     uuid REFERENCES shift_entry ON DELETE CASCADE,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((swap_id IS NULL) = (entry_id IS NULL)),
    CHECK (swap_id IS NULL OR (person_id IS NOT NULL AND instead_of IS NOT NULL))
);
CREATE INDEX shift_override_plan ON shift_override (plan_id, until_at);

CREATE TRIGGER shift_plan_changed AFTER INSERT OR UPDATE OR DELETE ON shift_plan
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER shift_entry_changed AFTER INSERT OR UPDATE OR DELETE ON shift_entry
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER shift_override_changed AFTER INSERT OR UPDATE OR DELETE ON shift_override
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
