-- The settings that a button was proven with, false alarms by button, and accounts that end.

-- As its heartbeat names them (`config_digest`). Null: nobody has proven it yet, so nothing has drifted.
ALTER TABLE device
    ADD COLUMN config_digest      text,
    ADD COLUMN config_accepted_by text,
    ADD COLUMN config_accepted_at timestamptz;

CREATE FUNCTION learn_settings() RETURNS trigger LANGUAGE plpgsql AS $$
-- The first proof is of the button as it is set up then. A later one is of no settings: it must not make
-- good what somebody changed meanwhile. This is at every acknowledgement: it waits for nobody (the next
-- proof does as well), and asks first, for even an update of no row has every replica read the directory.
BEGIN
    PERFORM FROM device WHERE device_id = NEW.device_id AND config_digest IS NULL FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE device
           SET config_digest = NEW.heartbeat->>'config_digest', config_accepted_by = NEW.last_proven_by,
               config_accepted_at = NEW.last_proven_at
         WHERE device_id = NEW.device_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER device_proven AFTER UPDATE OF last_proven_at ON device_health
    FOR EACH ROW WHEN (NEW.last_proven_at IS NOT NULL AND NEW.heartbeat->>'config_digest' IS NOT NULL)
    EXECUTE FUNCTION learn_settings();

-- The ledger of false alarms is the record itself: what was found out is an event of the alert.
CREATE INDEX alert_false ON alert (jurisdiction, pressed_at DESC) WHERE outcome = 'false_alarm' AND NOT drill;

-- The last day of a temporary account, in its jurisdiction. Null: it has no end.
ALTER TABLE person ADD COLUMN ends_on date;

CREATE FUNCTION ends_at(p person) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
-- The midnight after that day, by the clock on the jurisdiction's wall.
$$ SELECT (p.ends_on + 1)::timestamp AT TIME ZONE j.time_zone FROM jurisdiction j WHERE j.jurisdiction = p.jurisdiction $$;
