-- Whose consoles are silent, and until when. Two minutes are the most that a room may be without its sound.
CREATE TABLE muting (
    person_id    uuid PRIMARY KEY REFERENCES person ON DELETE CASCADE,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    muted_at     timestamptz NOT NULL,
    until        timestamptz NOT NULL CHECK (until <= muted_at + interval '2 minutes')
);

CREATE FUNCTION mute(of_jurisdiction text, by_person uuid, by_name text, for_s double precision) RETURNS timestamptz
LANGUAGE plpgsql AS $$
-- From now on, and on record with every alert that called for somebody then.
DECLARE
    now_ timestamptz := clock_timestamp();
    ends timestamptz;
    a    alert;
BEGIN
    -- A second click is no second record.
    SELECT m.until INTO ends FROM muting m WHERE m.person_id = by_person AND m.muted_at > now_ - interval '10 s';
    IF FOUND THEN
        RETURN ends;
    END IF;
    ends := now_ + for_s * interval '1 s';
    INSERT INTO muting VALUES (by_person, of_jurisdiction, now_, ends)
        ON CONFLICT (person_id) DO UPDATE SET muted_at = excluded.muted_at, until = excluded.until;
    FOR a IN SELECT * FROM alert
              WHERE jurisdiction = of_jurisdiction AND wants_help(alert)
              ORDER BY device_id, kind, drill, alert_id
                FOR NO KEY UPDATE
    LOOP
        PERFORM append_event(a.alert_id, 'muted', json_build_object('by', by_name, 'until', wire_time(ends)));
    END LOOP;
    PERFORM pg_notify('tocsin_muting', of_jurisdiction);
    RETURN ends;
END $$;

CREATE FUNCTION end_mute(by_person uuid) RETURNS void LANGUAGE sql AS $$
WITH ended AS (DELETE FROM muting WHERE person_id = by_person RETURNING jurisdiction)
SELECT pg_notify('tocsin_muting', jurisdiction) FROM ended;
$$;
