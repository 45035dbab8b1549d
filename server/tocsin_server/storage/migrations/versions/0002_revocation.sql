-- A button that was lost, stolen or taken out: who said so, and why.
ALTER TABLE device
    ADD COLUMN revoked_at      timestamptz,
    ADD COLUMN revoked_by      text,
    ADD COLUMN revoked_because text CHECK (revoked_because IN ('lost', 'stolen', 'retired', 'compromised'));

-- Every certificate that the issuing authority gave a button: brokers know them by their serial alone.
CREATE TABLE certificate (
    serial       text PRIMARY KEY CHECK (serial ~ '^[0-9a-f]{1,40}$'),  -- RFC 5280, 4.1.2.2: 20 octets
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    device_id    text NOT NULL REFERENCES device,
    issued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX certificate_of_device ON certificate (device_id);
CREATE INDEX certificate_revoked ON certificate (expires_at) WHERE revoked_at IS NOT NULL;

-- The signed list of them, for every jurisdiction: brokers ask each replica, and must get the same.
CREATE TABLE revocation_list (
    number    bigint PRIMARY KEY,
    signed_at timestamptz NOT NULL,
    pem       text NOT NULL
);

-- Which list each broker has taken over, as it says itself.
CREATE TABLE broker_following (
    name   text PRIMARY KEY,
    number bigint NOT NULL,
    at     timestamptz NOT NULL
);
