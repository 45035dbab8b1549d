-- How people prove who they are beside a password, and what happened to each account.

CREATE TABLE passkey (
    passkey_id    uuid PRIMARY KEY DEFAULT uuid7(),
    person_id     uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    credential_id bytea NOT NULL UNIQUE,
    public_key    bytea NOT NULL,              -- COSE, as the authenticator gave it
    sign_count    bigint NOT NULL,
    name          text NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at  timestamptz
);
CREATE INDEX passkey_person ON passkey (person_id);

-- An app on a phone that gives codes (RFC 6238).
CREATE TABLE code_app (
    person_id      uuid PRIMARY KEY REFERENCES person ON DELETE CASCADE,
    secret         text,                       -- base32; it makes the codes, so it can't be a digest. Null: none counts yet
    confirmed_at   timestamptz,
    offered_secret text,                       -- counts once a code of it came back
    offered_at     timestamptz,
    last_step      bigint NOT NULL DEFAULT 0,  -- of the last code that was taken: each is taken once
    tries          integer NOT NULL DEFAULT 0,
    tries_from     timestamptz NOT NULL DEFAULT '-infinity',
    CHECK ((secret IS NULL) = (confirmed_at IS NULL))
);

-- For whoever has lost the phone. A code that was used is gone.
CREATE TABLE recovery_code (
    person_id   uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    code_digest bytea NOT NULL,
    PRIMARY KEY (person_id, code_digest)
);

-- What a browser was asked for, until it answers: that browser alone, once, and soon.
CREATE TABLE asked (
    asker_digest bytea NOT NULL,               -- of the token that this browser holds
    purpose      text NOT NULL CHECK (purpose IN ('passkey', 'new passkey', 'code')),
    person_id    uuid REFERENCES person ON DELETE CASCADE,  -- null: nobody knows yet who it is
    challenge    bytea,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (asker_digest, purpose)
);
CREATE INDEX asked_expires ON asked (expires_at);

-- Nobody knows how old the sessions are that are there already.
ALTER TABLE session ADD COLUMN begun_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE session ALTER COLUMN begun_at SET DEFAULT clock_timestamp();

-- The record of each account, chained like an alert's (law 12). It has no foreign keys: it stays.
CREATE TABLE account_event (
    person_id uuid NOT NULL,
    n         integer NOT NULL,
    at        timestamptz NOT NULL,
    name      text NOT NULL,
    salt      bytea,
    payload   json,
    digest    bytea NOT NULL,
    chain     bytea NOT NULL,
    PRIMARY KEY (person_id, n)
);
CREATE TABLE account_head (
    person_id   uuid PRIMARY KEY,
    event_count integer NOT NULL DEFAULT 0,
    chain       bytea NOT NULL DEFAULT ''
);

CREATE FUNCTION append_account_event(of_person uuid, event_name text, event_payload json) RETURNS void
LANGUAGE plpgsql AS $$
-- The head's row is locked by that, so that events of one account are numbered without gaps.
DECLARE
    head    record;
    at_time timestamptz := clock_timestamp();
    salt    bytea := uuid_send(gen_random_uuid());
    digest  bytea := sha256(salt || convert_to(event_payload::text, 'UTF8'));
BEGIN
    INSERT INTO account_head (person_id) VALUES (of_person) ON CONFLICT DO NOTHING;
    UPDATE account_head
       SET event_count = event_count + 1,
           chain = event_link(chain, of_person, event_count + 1, at_time, event_name, digest)
     WHERE person_id = of_person
    RETURNING account_head.event_count, account_head.chain INTO STRICT head;
    INSERT INTO account_event VALUES (of_person, head.event_count, at_time, event_name, salt, event_payload, digest, head.chain);
END $$;

CREATE FUNCTION keep_account_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.payload IS NULL AND NEW.salt IS NULL
       AND (NEW.person_id, NEW.n, NEW.at, NEW.name, NEW.digest, NEW.chain)
         = (OLD.person_id, OLD.n, OLD.at, OLD.name, OLD.digest, OLD.chain) THEN
        RETURN NEW;  -- a lawful erasure
    END IF;
    RAISE EXCEPTION 'the record of accounts is only ever added to' USING HINT =
        'To erase personal data, set payload and salt to NULL; the chain of digests stays.';
END $$;
CREATE TRIGGER account_event_is_kept BEFORE UPDATE OR DELETE ON account_event
    FOR EACH ROW EXECUTE FUNCTION keep_account_record();
CREATE TRIGGER account_event_is_not_truncated BEFORE TRUNCATE ON account_event
    FOR EACH STATEMENT EXECUTE FUNCTION keep_account_record();
REVOKE UPDATE, DELETE, TRUNCATE ON account_event FROM PUBLIC;

CREATE FUNCTION has_second_factor(of_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
SELECT EXISTS (SELECT FROM passkey WHERE person_id = of_person)
    OR EXISTS (SELECT FROM code_app WHERE person_id = of_person AND secret IS NOT NULL)
$$;
