-- The tables of the first release. Times are the database's clock; states are text with a CHECK.

CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
-- RFC 9562, section 5.7: milliseconds first, so that ids sort by time; the rest is random.
SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
           substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
       52, 1), 53, 1), 'hex')::uuid
$$;

CREATE TABLE policy (
    policy_id    uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL,
    name         text NOT NULL,
    -- [{"patience_s": 30, "people": ["<person_id>", …]}, …], tier 1 first
    tiers        jsonb NOT NULL CHECK (jsonb_array_length(tiers) BETWEEN 1 AND 10),
    UNIQUE (jurisdiction, name)
);

CREATE TABLE jurisdiction (
    jurisdiction   text PRIMARY KEY CHECK (jurisdiction ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$' AND jurisdiction <> 'server'),
    name           text NOT NULL,
    time_zone      text NOT NULL,
    on_call_number text CHECK (on_call_number ~ '^\+[1-9][0-9]{6,14}$'),
    policy_id      uuid NOT NULL REFERENCES policy
);
ALTER TABLE policy ADD FOREIGN KEY (jurisdiction) REFERENCES jurisdiction DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE person (
    person_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction   text NOT NULL REFERENCES jurisdiction,
    name           text NOT NULL,
    email          text NOT NULL,
    phone          text CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    role           text NOT NULL CHECK (role IN ('dispatcher', 'supervisor', 'facilities', 'auditor', 'administrator', 'responder')),
    -- Drills never reach outside agencies.
    outside_agency boolean NOT NULL DEFAULT false,
    password_hash  text,
    opted_out_at   timestamptz
);
CREATE UNIQUE INDEX person_email ON person (lower(email));
CREATE INDEX person_phone ON person (phone);

CREATE TABLE session (
    token_digest bytea PRIMARY KEY,
    person_id    uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL
);

CREATE TABLE site (
    site_id           uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction      text NOT NULL REFERENCES jurisdiction,
    name              text NOT NULL,
    address           text,
    county            text,
    county_fips       text CHECK (county_fips ~ '^[0-9]{5}$'),
    state             text CHECK (state ~ '^[A-Z]{2}$'),
    responding_agency text,
    time_zone         text,
    latitude          double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude         double precision CHECK (longitude BETWEEN -180 AND 180),
    policy_id         uuid REFERENCES policy
);

CREATE TABLE place (
    place_id     uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    site_id      uuid NOT NULL REFERENCES site,
    building     text,
    floor        text,
    room         text,
    spot         text
);

CREATE TABLE device (
    device_id          text PRIMARY KEY CHECK (device_id ~ '^btn-[0-9abcdefghjkmnpqrstvwxyz]{10}$'),
    jurisdiction       text NOT NULL REFERENCES jurisdiction,
    public_key         bytea NOT NULL CHECK (length(public_key) = 32),
    state              text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    place_id           uuid REFERENCES place,
    place_confirmed_at timestamptz,
    place_confirmed_by text,
    added_at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What changes with every heartbeat stands apart from what a person decided.
CREATE TABLE device_health (
    device_id      text PRIMARY KEY REFERENCES device,
    -- That a button is late is a matter of seconds, which each replica knows by itself.
    condition      text NOT NULL DEFAULT 'never_heard' CHECK (condition IN ('never_heard', 'ok', 'lost')),
    last_heard_at  timestamptz,
    lost_at        timestamptz,
    boot_id        uuid,
    command_seq    integer NOT NULL DEFAULT 0,
    heartbeat      json,
    last_proven_at timestamptz,
    last_proven_by text
);

CREATE TABLE drill_window (
    drill_id     uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    site_id      uuid NOT NULL REFERENCES site,
    opened_by    text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    closes_at    timestamptz NOT NULL,
    CHECK (closes_at <= opened_at + interval '60 minutes')
);
CREATE INDEX drill_window_site ON drill_window (site_id, closes_at);

-- An alert, its presses and its events are written by store_presses and append_event alone, in one
-- transaction. None of it needs foreign keys, which would cost every press half a dozen look-ups and a
-- lock on its button's, its jurisdiction's and its last alert's row: none of these is ever deleted.
CREATE TABLE alert (
    alert_id           uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction       text NOT NULL,
    device_id          text NOT NULL,
    kind               text NOT NULL,
    drill              boolean NOT NULL,
    code               text NOT NULL,
    presses            integer NOT NULL,
    cancelled          boolean NOT NULL DEFAULT false,
    remarks            text[] NOT NULL DEFAULT '{}',
    place              json NOT NULL,          -- as it was known at the press
    tiers              jsonb NOT NULL,         -- as the policy stood at the press
    previous_alert_id  uuid,
    pressed_at         timestamptz NOT NULL,
    received_at        timestamptz NOT NULL,
    stored_at          timestamptz NOT NULL,   -- in the transaction: the commit's fsync comes after it
    shown_at           timestamptz,
    accepted_at        timestamptz,
    delivered_at       timestamptz,
    acknowledged_at    timestamptz,
    acknowledged_by    text,
    acknowledged_person uuid REFERENCES person,
    acknowledged_phone text,                   -- where it was said by SMS
    responding_at      timestamptz,
    resolved_at        timestamptz,
    resolved_by        text,
    outcome            text CHECK (outcome IN ('actual', 'false_alarm', 'test', 'unknown')),
    attempt            integer NOT NULL DEFAULT 0,
    attempted_at       timestamptz NOT NULL,
    decide_at          timestamptz,
    unanswered_at      timestamptz,
    joinable           boolean NOT NULL DEFAULT true,
    version            integer NOT NULL DEFAULT 0,
    event_count        integer NOT NULL DEFAULT 0,
    chain              bytea NOT NULL DEFAULT '',
    -- Law 7: only an acknowledged or resolved alert may be without a next decision.
    CONSTRAINT always_a_next_decision CHECK
        (decide_at IS NOT NULL OR acknowledged_at IS NOT NULL OR resolved_at IS NOT NULL)
);
CREATE UNIQUE INDEX alert_joinable ON alert (device_id, kind, drill) WHERE joinable;
-- Also the way to all open alerts: another partial index beside it would tempt the planner of a
-- fresh database to look a code up by reading them all.
CREATE UNIQUE INDEX alert_code_of_open ON alert (code) WHERE resolved_at IS NULL;
CREATE INDEX alert_undecided ON alert (decide_at) WHERE decide_at IS NOT NULL;
CREATE INDEX alert_recent ON alert (jurisdiction, pressed_at DESC);
CREATE INDEX alert_of_device ON alert (device_id, received_at DESC);

CREATE TABLE press (
    device_id    text NOT NULL,
    press_id     uuid NOT NULL,
    jurisdiction text NOT NULL,
    alert_id     uuid,
    kind         text NOT NULL,
    drill        boolean NOT NULL,             -- the server's decision
    said_drill   boolean NOT NULL,             -- what the button said
    gesture      text NOT NULL,
    boot_id      uuid,
    seq          integer NOT NULL,
    attempt      integer NOT NULL,
    age_ms       bigint NOT NULL,
    age_exact    boolean NOT NULL,
    device_clock text,
    cancels      uuid,
    remarks      text[] NOT NULL,
    pressed_at   timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    jws          bytea NOT NULL,
    PRIMARY KEY (device_id, press_id)
);
CREATE INDEX press_of_alert ON press (alert_id);
CREATE INDEX press_cancels ON press (device_id, cancels) WHERE cancels IS NOT NULL;

-- The record. Payload and salt can be erased on their retention date; the digest stays.
CREATE TABLE alert_event (
    alert_id uuid NOT NULL,
    n        integer NOT NULL,
    at       timestamptz NOT NULL,
    name     text NOT NULL,
    salt     bytea,
    payload  json,
    digest   bytea NOT NULL,
    chain    bytea NOT NULL,
    PRIMARY KEY (alert_id, n)
);

CREATE TABLE notification (
    notification_id uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction    text NOT NULL REFERENCES jurisdiction,
    alert_id        uuid REFERENCES alert,
    purpose         text NOT NULL CHECK (purpose IN ('page', 'stand_down', 'unverified', 'fault')),
    attempt         integer NOT NULL DEFAULT 0,
    tier            integer NOT NULL DEFAULT 0,
    person_id       uuid REFERENCES person,
    name            text NOT NULL,
    method          text NOT NULL DEFAULT 'sms' CHECK (method IN ('sms')),
    address         text NOT NULL,
    body            text,                      -- fixed wording; null: worded when it is sent
    state           text NOT NULL DEFAULT 'pending' CHECK
        (state IN ('pending', 'sending', 'accepted', 'delivered', 'undelivered', 'failed', 'withdrawn')),
    tries           integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until     timestamptz,
    provider_id     text,
    provider_rank   integer NOT NULL DEFAULT 0,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((alert_id IS NOT NULL) = (purpose IN ('page', 'stand_down')))
);
CREATE UNIQUE INDEX notification_once ON notification (alert_id, purpose, attempt, person_id, method) WHERE alert_id IS NOT NULL;
CREATE INDEX notification_unsent ON notification (due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX notification_unverified ON notification (jurisdiction, created_at) WHERE purpose = 'unverified';
CREATE INDEX notification_address ON notification (address, created_at DESC);

-- Every report of the provider as it came: out of order, doubled, late.
CREATE TABLE provider_report (
    notification_id uuid NOT NULL REFERENCES notification,
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    status          text NOT NULL,
    error_code      text
);
CREATE INDEX provider_report_notification ON provider_report (notification_id);

-- Wrong codes by number, so that guessing is limited whichever replica hears it.
CREATE TABLE wrong_code (
    phone text NOT NULL,
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wrong_code_phone ON wrong_code (phone, at);

-- Texts that were dealt with, by the provider's id: one that is replayed takes nothing a second time.
CREATE TABLE answered_text (
    message_id text PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Presses whose sender nobody can vouch for; one row for each sender and reason that a person has not seen.
CREATE TABLE doubtful (
    doubtful_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction     text REFERENCES jurisdiction,
    topic            text NOT NULL,
    device_id        text NOT NULL,
    reason           text NOT NULL,
    read             json,
    raws             bytea[] NOT NULL,
    press_ids        text[] NOT NULL,          -- as their sender names them
    times            integer NOT NULL,
    received_at      timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    seen_at          timestamptz,
    seen_by          text,
    paged_at         timestamptz
);
CREATE UNIQUE INDEX doubtful_unseen ON doubtful (device_id, coalesce(jurisdiction, ''), reason) WHERE seen_at IS NULL;
CREATE INDEX doubtful_seen ON doubtful (device_id, seen_at) WHERE seen_at IS NOT NULL;

-- What a replica writes before it says that the database commits.
CREATE TABLE replica (
    replica_id text PRIMARY KEY,
    pulsed_at  timestamptz NOT NULL
);

-- Which replica has how many screens of a jurisdiction, as of when.
CREATE TABLE watching (
    replica_id   text NOT NULL,
    jurisdiction text NOT NULL,
    screens      integer NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (replica_id, jurisdiction)
);

-- When the on-call number was last told of a fault, so that replicas don't each tell it.
CREATE TABLE fault_told (
    jurisdiction text NOT NULL,
    fault        text NOT NULL,
    began_at     timestamptz NOT NULL,         -- as far as whoever told it knew; -infinity: before its time
    at           timestamptz NOT NULL,
    PRIMARY KEY (jurisdiction, fault)
);
