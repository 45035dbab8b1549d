-- The ways in which a person is reached, in the order in which they are tried; and what an alert needs
-- to know of whoever has it now. `phone` and `opted_out_at` of a person are read by the release before
-- alone: a later migration drops them.

ALTER TABLE person ADD COLUMN language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'es'));

CREATE TABLE contact (
    contact_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction    text NOT NULL REFERENCES jurisdiction,
    person_id       uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    method          text NOT NULL CHECK (method IN ('sms', 'voice', 'push', 'email', 'apprise')),
    address         text NOT NULL CHECK (method NOT IN ('sms', 'voice') OR address ~ '^\+[1-9][0-9]{6,14}$'),
    position        integer NOT NULL,
    -- Local time of the jurisdiction; no call for help in danger keeps to it.
    quiet_from      time,
    quiet_to        time,
    -- Until somebody has shown that a message arrives there, or vouches for it, it counts for nothing.
    verified_at     timestamptz,
    verified_by     text,
    code_digest     bytea,
    code_expires_at timestamptz,
    code_tries      integer NOT NULL DEFAULT 0,
    -- Why nothing arrives there, in words; null: it does, as far as anybody knows.
    unreachable     text,
    unreachable_at  timestamptz,
    checked_at      timestamptz,
    added_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (person_id, method, address),
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
    CHECK ((verified_at IS NULL) = (verified_by IS NULL)),
    CHECK ((unreachable IS NULL) = (unreachable_at IS NULL))
);
CREATE INDEX contact_address ON contact (address);

INSERT INTO contact (jurisdiction, person_id, method, address, position, verified_at, verified_by, unreachable, unreachable_at)
SELECT jurisdiction, person_id, 'sms', phone, 1, clock_timestamp(), 'the release before',
       CASE WHEN opted_out_at IS NOT NULL THEN 'opted out: this number has texted STOP' END, opted_out_at
  FROM person WHERE phone IS NOT NULL;

CREATE TRIGGER contact_changed AFTER INSERT OR UPDATE OR DELETE ON contact
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();

-- How long whoever has an alert may say nothing. Null: nobody asks.
ALTER TABLE jurisdiction ADD COLUMN holder_silent_s integer DEFAULT 300 CHECK (holder_silent_s BETWEEN 30 AND 7200);

ALTER TABLE alert
    -- A climb from tier 1 is a round; its attempts are counted from 1.
    ADD COLUMN round        integer NOT NULL DEFAULT 0,
    ADD COLUMN hurried      boolean NOT NULL DEFAULT false,  -- the next tier is wanted at once
    ADD COLUMN holdings     integer NOT NULL DEFAULT 0,      -- how often somebody has taken it
    ADD COLUMN held_at      timestamptz,                     -- since when whoever has it now has it
    ADD COLUMN heard_at     timestamptz,                     -- their last sign
    ADD COLUMN asked_at     timestamptz,                     -- whether they still have it
    ADD COLUMN stood_down_at timestamptz,
    ADD COLUMN on_scene_at  timestamptz,
    -- Since when it climbs although somebody has it, and why.
    ADD COLUMN again_at     timestamptz,
    ADD COLUMN again_why    text CHECK (again_why IN ('silent', 'more_help')),
    ADD COLUMN offered_to   uuid REFERENCES person,
    ADD COLUMN offered_name text;

ALTER TABLE notification
    DROP CONSTRAINT notification_purpose_check,
    DROP CONSTRAINT notification_method_check,
    DROP CONSTRAINT notification_state_check,
    DROP CONSTRAINT notification_check,
    ADD CONSTRAINT notification_purpose_check CHECK
        (purpose IN ('page', 'stand_down', 'hand_over', 'ask', 'unverified', 'fault', 'verify')),
    ADD CONSTRAINT notification_method_check CHECK (method IN ('sms', 'voice', 'push', 'email', 'apprise')),
    ADD CONSTRAINT notification_state_check CHECK
        (state IN ('pending', 'sending', 'accepted', 'delivered', 'undelivered', 'failed', 'withdrawn', 'declined')),
    ADD CONSTRAINT notification_of_alert CHECK
        ((alert_id IS NOT NULL) = (purpose IN ('page', 'stand_down', 'hand_over', 'ask'))),
    ADD COLUMN round       integer NOT NULL DEFAULT 0,
    ADD COLUMN contact_id  uuid,                             -- which may be gone by now
    ADD COLUMN language    text NOT NULL DEFAULT 'en',
    ADD COLUMN link_key    uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN fell_back   boolean NOT NULL DEFAULT false,   -- the person's next contact was looked for
    ADD COLUMN withdraw_at timestamptz;                      -- a call that is to be ended
DROP INDEX notification_once;
CREATE UNIQUE INDEX notification_once ON notification (alert_id, purpose, round, attempt, person_id, method, address)
    WHERE alert_id IS NOT NULL;
CREATE UNIQUE INDEX notification_link ON notification (link_key);
CREATE INDEX notification_unreported ON notification (created_at)
    WHERE purpose = 'page' AND NOT fell_back AND state IN ('pending', 'sending', 'accepted');
CREATE INDEX notification_to_end ON notification (withdraw_at) WHERE withdraw_at IS NOT NULL;

-- Two replicas may have the same text before them: one deals with it.
ALTER TABLE answered_text ADD COLUMN done boolean NOT NULL DEFAULT true;

-- Kinds of alerts that other people are told of than the rest; a null site: everywhere.
CREATE TABLE policy_choice (
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    site_id      uuid REFERENCES site ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('duress', 'assist', 'tamper', 'test')),
    policy_id    uuid NOT NULL REFERENCES policy,
    UNIQUE NULLS NOT DISTINCT (jurisdiction, site_id, kind)
);
CREATE TRIGGER policy_choice_changed AFTER INSERT OR UPDATE OR DELETE ON policy_choice
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
