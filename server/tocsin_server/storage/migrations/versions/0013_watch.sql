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
