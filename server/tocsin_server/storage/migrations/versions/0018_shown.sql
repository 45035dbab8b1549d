-- Screens that only show: each has a key, of which the digest is here, and is one browser at a time.
CREATE TABLE kiosk (
    kiosk_id     uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    name         text NOT NULL,
    key_digest   bytea NOT NULL UNIQUE CHECK (length(key_digest) = 32),
    token_digest bytea UNIQUE,
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at    timestamptz,
    seen_at      timestamptz,
    revoked_by   text,
    revoked_at   timestamptz,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK (revoked_at IS NULL OR token_digest IS NULL)
);
CREATE UNIQUE INDEX kiosk_name ON kiosk (jurisdiction, lower(name)) WHERE revoked_at IS NULL;

CREATE FUNCTION tell_of_kiosk() RETURNS trigger LANGUAGE plpgsql AS $$
-- Whichever browser was this screen is it no more: every replica lets go of it.
BEGIN
    PERFORM pg_notify('tocsin_kiosk', NEW.kiosk_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER kiosk_changed AFTER UPDATE ON kiosk
    FOR EACH ROW WHEN (OLD.token_digest IS DISTINCT FROM NEW.token_digest) EXECUTE FUNCTION tell_of_kiosk();

-- Links to one alert, for whoever goes there: they show, and take nothing.
CREATE TABLE officer_link (
    link_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    alert_id     uuid NOT NULL REFERENCES alert,
    link_key     uuid NOT NULL UNIQUE,
    for_whom     text NOT NULL,
    phone        text CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at    timestamptz,
    revoked_by   text,
    revoked_at   timestamptz,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX officer_link_alert ON officer_link (alert_id);

-- Each is wider than the one before, so that nothing that is there has to be looked at.
ALTER TABLE notification
    DROP CONSTRAINT notification_purpose_check,
    DROP CONSTRAINT notification_of_alert,
    ADD CONSTRAINT notification_purpose_check CHECK
        (purpose IN ('page', 'stand_down', 'hand_over', 'ask', 'officer', 'unverified', 'fault', 'verify')) NOT VALID,
    ADD CONSTRAINT notification_of_alert CHECK
        ((alert_id IS NOT NULL) = (purpose IN ('page', 'stand_down', 'hand_over', 'ask', 'officer'))) NOT VALID;

CREATE FUNCTION make_officer_link(of_alert uuid, of_jurisdiction text, by_name text, whom text, key uuid,
                                  to_phone text, words text, in_language text, links_max integer) RETURNS text
LANGUAGE plpgsql AS $$
-- 'made', or why not: 'no_alert', 'resolved', 'drill', 'too_many'. The text, if there is one, is committed with it.
DECLARE
    a alert;
BEGIN
    SELECT * INTO a FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'no_alert';
    ELSIF a.resolved_at IS NOT NULL THEN
        RETURN 'resolved';
    ELSIF a.drill AND to_phone IS NOT NULL THEN
        RETURN 'drill';
    ELSIF (SELECT count(*) FROM officer_link WHERE alert_id = of_alert) >= links_max THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO officer_link (jurisdiction, alert_id, link_key, for_whom, phone, made_by)
    VALUES (of_jurisdiction, of_alert, key, whom, to_phone, by_name);
    IF to_phone IS NOT NULL THEN
        INSERT INTO notification (jurisdiction, alert_id, purpose, round, name, method, address, language, body)
        VALUES (of_jurisdiction, of_alert, 'officer', a.round, whom, 'sms', to_phone, in_language, words);
    END IF;
    PERFORM append_event(of_alert, 'officer_link_made',
        json_build_object('by', by_name, 'for', whom, 'texted_to', '…' || right(to_phone, 4)));
    RETURN 'made';
END $$;

CREATE FUNCTION open_officer_link(of_link uuid) RETURNS void LANGUAGE plpgsql AS $$
-- That a link's page was opened, the first time.
DECLARE
    l officer_link;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM officer_link WHERE link_id = of_link) FOR NO KEY UPDATE;
    UPDATE officer_link SET opened_at = clock_timestamp() WHERE link_id = of_link AND opened_at IS NULL RETURNING * INTO l;
    IF FOUND THEN
        PERFORM append_event(l.alert_id, 'officer_link_opened', json_build_object('for', l.for_whom));
    END IF;
END $$;

CREATE FUNCTION revoke_officer_link(of_link uuid, of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean
LANGUAGE plpgsql AS $$
-- False: there is no such link. A text that has not gone out yet does not go out any more.
DECLARE
    l officer_link;
BEGIN
    PERFORM FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction FOR NO KEY UPDATE;
    UPDATE officer_link SET revoked_at = clock_timestamp(), revoked_by = by_name
     WHERE link_id = of_link AND alert_id = of_alert AND jurisdiction = of_jurisdiction AND revoked_at IS NULL RETURNING * INTO l;
    IF FOUND THEN
        UPDATE notification SET state = 'withdrawn', changed_at = clock_timestamp()
         WHERE state = 'pending' AND notification_id = (
               SELECT notification_id FROM notification
                WHERE alert_id = of_alert AND purpose = 'officer' AND address = l.phone AND name = l.for_whom
                  AND created_at >= l.made_at ORDER BY created_at LIMIT 1);
        PERFORM append_event(of_alert, 'officer_link_revoked', json_build_object('by', by_name, 'for', l.for_whom));
    END IF;
    RETURN EXISTS (SELECT FROM officer_link WHERE link_id = of_link AND alert_id = of_alert AND jurisdiction = of_jurisdiction);
END $$;
