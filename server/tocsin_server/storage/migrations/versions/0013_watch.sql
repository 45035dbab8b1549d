-- When a replica's auditor last went its round. Null: it is of an earlier release, and never says.
-- A replica that ends takes its row away; the row of one that hangs, or was killed, stays.
ALTER TABLE replica
    ADD COLUMN alive_at    timestamptz,
    ADD COLUMN dead_man_at timestamptz;        -- when its word outside was last answered

-- What the auditor mended lately, so that every screen can say so, whichever replica did it.
CREATE TABLE repair (
    "check"      text NOT NULL,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    subject      text NOT NULL,                -- an alert's code, or a notification's id
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ("check", jurisdiction, subject)
);
CREATE INDEX repair_recent ON repair (at);

CREATE FUNCTION say_repaired(of_check text, of_jurisdiction text, of_subject text) RETURNS void LANGUAGE sql AS $$
INSERT INTO repair ("check", jurisdiction, subject) VALUES (of_check, of_jurisdiction, of_subject)
    ON CONFLICT ("check", jurisdiction, subject) DO UPDATE SET at = excluded.at
$$;

CREATE FUNCTION restore_decisions() RETURNS TABLE (jurisdiction text, code text) LANGUAGE plpgsql AS $$
-- Rule 3 of an alert's life: who has no next decision gets one, due now. (A constraint keeps the table so;
-- it is gone where somebody restored it from elsewhere, or thought it was in the way.)
#variable_conflict use_column
DECLARE
    a alert;
BEGIN
    FOR a IN SELECT * FROM alert
              WHERE decide_at IS NULL AND acknowledged_at IS NULL AND resolved_at IS NULL
              ORDER BY device_id, kind, drill, alert_id
                FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        UPDATE alert SET decide_at = clock_timestamp() WHERE alert_id = a.alert_id;
        PERFORM append_event(a.alert_id, 'decision_restored', '{}'::json);
        PERFORM say_repaired('no_next_decision', a.jurisdiction, a.code);
        RETURN QUERY SELECT a.jurisdiction, a.code;
    END LOOP;
END $$;

-- The synthetic press: a button of nobody's, which presses itself through the whole path in a drill. One for
-- each jurisdiction that wants it.
CREATE TABLE synthetic (
    device_id    text PRIMARY KEY REFERENCES device,
    jurisdiction text NOT NULL UNIQUE REFERENCES jurisdiction,
    site_id      uuid NOT NULL REFERENCES site,
    number       text NOT NULL,                -- the test number that it pages
    every_s      double precision NOT NULL CHECK (every_s BETWEEN 60 AND 86400),
    slow_s       double precision NOT NULL CHECK (slow_s BETWEEN 1 AND 600),
    added_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE synthetic_run (
    device_id text NOT NULL REFERENCES synthetic,
    ended_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    alert_id  uuid,
    problem   text,                            -- null: it came through
    stages    jsonb NOT NULL,                  -- {"stored": 0.01, …}, seconds from the press
    PRIMARY KEY (device_id, ended_at)
);

CREATE FUNCTION is_synthetic(a alert) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- A drill of that button. Should it ever not be one, it is as real as any other.
$$ SELECT a.drill AND EXISTS (SELECT FROM synthetic s WHERE s.device_id = a.device_id) $$;

DO $$
DECLARE
    known text := pg_get_functiondef('alert_view'::regproc);
    was   text := '''drill'', a.drill, ';
BEGIN
    ASSERT strpos(known, was) > 0, 'alert_view is another one than this migration expects';
    EXECUTE replace(known, was, was || '''synthetic'', is_synthetic(a), ');
END $$;
