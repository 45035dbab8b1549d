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

CREATE FUNCTION revoke_device(of_device text, of_jurisdiction text, by_name text, because text)
RETURNS TABLE (fresh boolean, revoked_at timestamptz, revoked_by text, revoked_because text, certificates bigint)
LANGUAGE plpgsql AS $$
-- Take a button out, with every certificate it has. No row: no such button. Once more changes nothing.
#variable_conflict use_column
DECLARE
    fresh boolean;
BEGIN
    -- A certificate that is being recorded in this moment holds the row: it is waited for, and is seen
    -- by the next statement.
    UPDATE device SET state = 'revoked', revoked_at = clock_timestamp(), revoked_by = by_name, revoked_because = because
     WHERE device_id = of_device AND jurisdiction = of_jurisdiction AND state = 'active';
    fresh := FOUND;
    UPDATE certificate SET revoked_at = clock_timestamp()
     WHERE device_id = of_device AND jurisdiction = of_jurisdiction AND revoked_at IS NULL
       AND EXISTS (SELECT FROM device d WHERE d.device_id = of_device AND d.state = 'revoked');
    RETURN QUERY
    SELECT fresh, d.revoked_at, d.revoked_by, d.revoked_because,
           (SELECT count(*) FROM certificate c WHERE c.device_id = of_device AND c.expires_at > clock_timestamp())
      FROM device d WHERE d.device_id = of_device AND d.jurisdiction = of_jurisdiction;
END $$;
