-- A wheel, as the offline key signed it. 20 MiB are twelve times what one has.
CREATE TABLE release (
    version   text PRIMARY KEY CHECK (version ~ '^[0-9]{1,5}[.][0-9]{1,5}[.][0-9]{1,5}$'),
    statement text NOT NULL,
    sha256    bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    wheel     bytea NOT NULL CHECK (length(wheel) BETWEEN 1 AND 20 * 1024 * 1024),
    added_by  text NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What each button was last asked to run, and what became of it. A seat is its site's: whoever is under way, or
-- has failed, has it, and nobody else of that site is begun with. Of two replicas that give one away, one fails.
CREATE TABLE device_update (
    device_id  text PRIMARY KEY REFERENCES device,
    version    text NOT NULL REFERENCES release,
    command_id uuid NOT NULL DEFAULT uuid7(),
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'under_way', 'done', 'failed')),
    because    text,
    seat       text UNIQUE,
    asked_by   text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (seat IS NULL OR state IN ('under_way', 'failed'))
);

CREATE FUNCTION seat_of(d device) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
-- Those without a site have one seat together.
$$ SELECT coalesce((SELECT site_id::text FROM place WHERE place_id = d.place_id), d.jurisdiction) $$;
