-- Who ended maintenance before its time; null: it ended by itself.
ALTER TABLE maintenance_window ADD COLUMN ended_by text;

-- Who moved which button where. What the places were called then stays, whatever they are called later.
CREATE TABLE device_move (
    move_id      uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    device_id    text NOT NULL REFERENCES device,
    from_place   uuid NOT NULL REFERENCES place,
    to_place     uuid NOT NULL REFERENCES place,
    moved_from   text NOT NULL,
    moved_to     text NOT NULL,
    moved_by     text NOT NULL,
    moved_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX device_move_device ON device_move (device_id, moved_at);

CREATE FUNCTION place_in_words(p place) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
-- As people say it: the room first.
$$ SELECT coalesce(nullif(concat_ws(', ', p.room, p.spot,
                                  CASE WHEN p.floor ~* 'floor|level|basement|ground' THEN p.floor ELSE 'floor ' || p.floor END, p.building), ''), 'a place without a name') $$;

-- What was pressed before that proves nothing of where it is now.
ALTER TABLE device ADD COLUMN moved_at timestamptz;

DO $$
DECLARE
    known text := pg_get_functiondef('acknowledge'::regproc);
    was   text := 'AND was.acknowledged_at IS NULL;';
BEGIN
    ASSERT strpos(known, was) > 0, 'acknowledge is another one than this migration expects';
    EXECUTE replace(known, was, 'AND was.acknowledged_at IS NULL
           AND NOT EXISTS (SELECT FROM device d WHERE d.device_id = a.device_id AND d.moved_at > a.pressed_at);');
END $$;
