-- A claim code: whoever redeems it becomes a button, once. The code itself is in no table.
CREATE TABLE claim (
    claim_id         uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction     text NOT NULL REFERENCES jurisdiction,
    code_digest      bytea NOT NULL UNIQUE CHECK (length(code_digest) = 32),
    -- Where the button will be: a place that is known, or somewhere at a site, or nobody has said.
    place_id         uuid REFERENCES place,
    site_id          uuid REFERENCES site,
    label            text,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz,
    times            integer NOT NULL DEFAULT 0,   -- how often it was answered with a certificate
    device_id        text UNIQUE REFERENCES device,
    press_key_digest bytea UNIQUE,                 -- of the keys that used it: no key is two buttons'
    tls_key_digest   bytea UNIQUE,
    board_serial     text,
    model            text,
    firmware         text,
    CHECK (place_id IS NULL OR site_id IS NULL),
    CHECK ((used_at IS NULL) = (device_id IS NULL)),
    CHECK ((used_at IS NULL) = (press_key_digest IS NULL)),
    CHECK ((used_at IS NULL) = (tls_key_digest IS NULL))
);
CREATE INDEX claim_open ON claim (jurisdiction, created_at) WHERE used_at IS NULL;

-- A window is a site's, or one button's alone: neither kind blocks or ends the other.
ALTER TABLE drill_window
    ALTER COLUMN site_id DROP NOT NULL,
    ADD COLUMN device_id text REFERENCES device,
    ADD CONSTRAINT of_a_site_or_of_a_button CHECK ((site_id IS NULL) <> (device_id IS NULL));
CREATE INDEX drill_window_device ON drill_window (device_id, closes_at) WHERE device_id IS NOT NULL;

-- A press in its button's own window is a drill, too. The one line is exchanged where it stands, so that
-- the rest of that long function is written in one place.
DO $$
DECLARE
    known text := pg_get_functiondef('store_presses'::regproc);
    line  text := 'w.site_id = (devices->s.device_id->>''site_id'')::uuid';
BEGIN
    ASSERT strpos(known, line) > 0, 'store_presses is another one than this migration expects';
    EXECUTE replace(known, line, '(' || line || ' OR w.device_id = s.device_id)');
END $$;

CREATE FUNCTION proves_button(a alert) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- Whoever pressed it stands beside it, to see it acknowledged: nobody is told of that.
$$ SELECT a.drill AND EXISTS (
       SELECT FROM drill_window w WHERE w.device_id = a.device_id
          AND a.pressed_at BETWEEN w.opened_at AND w.closes_at) $$;
