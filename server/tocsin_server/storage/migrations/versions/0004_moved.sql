-- What a place's buttons say of the network while somebody confirms the place, how the database learns
-- it, and the buttons that say something else since. Also: times in which a site is worked on.

-- The network as it was heard at this place (heartbeat, `place`). Empty: whatever is heard first is learned.
ALTER TABLE place
    ADD COLUMN digests      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN learns_until timestamptz;

ALTER TABLE site
    ADD COLUMN network_confirmed_at timestamptz,
    ADD COLUMN network_confirmed_by text;

-- Buttons that are heard with a digest that their confirmed place doesn't know. 'doubtful': this one
-- may have been moved. 'network': all of the site's changed together.
CREATE TABLE place_doubt (
    device_id    text PRIMARY KEY REFERENCES device,
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    digest       text NOT NULL,
    verdict      text NOT NULL CHECK (verdict IN ('doubtful', 'network')),
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE maintenance_window (
    maintenance_id uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction   text NOT NULL REFERENCES jurisdiction,
    site_id        uuid NOT NULL REFERENCES site,
    reason         text NOT NULL,
    opened_by      text NOT NULL,
    opened_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    closes_at      timestamptz NOT NULL,
    CHECK (closes_at <= opened_at + interval '8 hours')
);
CREATE INDEX maintenance_window_site ON maintenance_window (site_id, closes_at);
CREATE TRIGGER maintenance_window_changed AFTER INSERT OR UPDATE OR DELETE ON maintenance_window
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();

CREATE FUNCTION learning_time() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
-- After a confirmation: a board that starts says its gateway first, and the switch's port half a
-- minute later; on Wi-Fi it tries the access points of the room.
$$ SELECT interval '10 minutes' $$;

CREATE FUNCTION with_learned(known text[], said text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
-- The newest sixteen: more access points than one room hears. Heartbeats are not signed, so whoever says
-- another digest each time must not fill the row.
$$ SELECT (everything.d)[greatest(cardinality(everything.d) - 15, 1):]
     FROM (SELECT known || ARRAY(SELECT DISTINCT s FROM unnest(said) s WHERE NOT s = ANY (known) ORDER BY s) AS d) everything $$;

CREATE FUNCTION learn_confirmed_place() RETURNS trigger LANGUAGE plpgsql AS $$
-- A person said where this button is, by whatever way: that ends the doubt, and what it says now is learned.
DECLARE
    said text[];
BEGIN
    WITH ended AS (DELETE FROM place_doubt WHERE device_id = NEW.device_id RETURNING digest)
    SELECT coalesce(array_agg(digest), '{}') INTO said FROM ended;
    IF NEW.place_confirmed_at IS NOT NULL THEN
        UPDATE place SET digests = with_learned(digests, said), learns_until = clock_timestamp() + learning_time()
         WHERE place_id = NEW.place_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER device_place_confirmed AFTER UPDATE OF place_id, place_confirmed_at ON device
    FOR EACH ROW EXECUTE FUNCTION learn_confirmed_place();
