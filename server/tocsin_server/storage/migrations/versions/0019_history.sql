-- One narrow row for each alert that is over: what is searched, and what is measured. It is written as an
-- alert is resolved, so that a press pays nothing for it: the table of alerts gets no further index.
-- Synthetic presses, of which there are hundreds a day, are not in it.
CREATE TABLE alert_past (
    alert_id             uuid PRIMARY KEY,
    jurisdiction         text NOT NULL,
    pressed_at           timestamptz NOT NULL,
    drill                boolean NOT NULL,
    kind                 text NOT NULL,
    site_id              uuid,
    wall_day             date NOT NULL,        -- of the press, by the clock on the jurisdiction's wall
    wall_minute          smallint NOT NULL,    -- of that day
    answered_by          text,                 -- who acknowledged it first
    lot                  smallint NOT NULL,    -- 0 to 32767, by chance: figures of very many are of those below a number
    received_ms          real NOT NULL,        -- from the press; null: that stage was not reached
    stored_ms            real NOT NULL,
    on_screen_ms         real,
    provider_accepted_ms real,
    delivered_ms         real,
    acknowledged_ms      real,
    resolved_ms          real,
    -- What people look for: its code and place (A), who had it (B), what was noted (C). And what is chosen
    -- from lists, as `=drill=false kind=duress`, which is the beginning of nothing that somebody types: each choice
    -- of them is one, so that what never goes together is not there, and isn't sought among all.
    words                tsvector
);

CREATE FUNCTION stage_ms(a alert, at timestamptz) RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (extract(epoch FROM at - a.pressed_at) * 1000)::real $$;

CREATE FUNCTION past_words(a alert) RETURNS tsvector LANGUAGE sql STABLE AS $$
-- Words that were erased from the record are none here either. Nothing is so long that it can't be kept.
SELECT setweight(to_tsvector('simple', concat_ws(' ', a.code, a.device_id, a.place->>'site', a.place->>'building', a.place->>'floor',
                 a.place->>'room', a.place->>'spot', a.place->>'address', a.place->>'county')), 'A')
    || setweight(to_tsvector('simple', concat_ws(' ', a.acknowledged_by, said.who)), 'B')
    || setweight(to_tsvector('simple', left(coalesce(said.notes, ''), 100000)), 'C')
    || array_to_tsvector(array_remove(('=site=' || (a.place->>'site_id')) || coalesce(chosen.marks, '{}'), NULL))
  FROM (SELECT array_agg('=' || concat_ws(' ', d, k, o)) AS marks
          FROM unnest(ARRAY['drill=' || a.drill, NULL]) AS d, unnest(ARRAY['kind=' || a.kind, NULL]) AS k,
               unnest(ARRAY['outcome=' || a.outcome, NULL]) AS o
         WHERE num_nonnulls(d, k, o) > 0) AS chosen,
       (SELECT string_agg(e.payload->>'by', ' ') FILTER (WHERE e.name IN ('acknowledged', 'taken_over')) AS who,
               string_agg(concat_ws(' ', e.payload->>'note', e.payload->>'cause', e.payload->>'remedy'), ' ')
                   FILTER (WHERE e.name IN ('noted', 'resolved', 'false_alarm_explained')) AS notes
          FROM alert_event e
         WHERE e.alert_id = a.alert_id
           AND e.name IN ('acknowledged', 'taken_over', 'noted', 'resolved', 'false_alarm_explained')) AS said
$$;

CREATE FUNCTION past_of(a alert, with_words boolean) RETURNS alert_past LANGUAGE sql STABLE AS $$
-- What is measured of an alert, also of one that is open, and what is searched of one that is over.
SELECT a.alert_id, a.jurisdiction, a.pressed_at, a.drill, a.kind, (a.place->>'site_id')::uuid,
       wall.t::date, (extract(hour FROM wall.t) * 60 + extract(minute FROM wall.t))::smallint,
       CASE WHEN a.acknowledged_at IS NOT NULL THEN coalesce(
           (SELECT e.payload->>'by' FROM alert_event e
             WHERE e.alert_id = a.alert_id AND e.name = 'acknowledged' ORDER BY e.n DESC LIMIT 1), a.acknowledged_by) END,
       -- The last digits of a UUIDv7 are chance.
       (('x' || right(a.alert_id::text, 4))::bit(16)::integer / 2)::smallint,
       stage_ms(a, a.received_at), stage_ms(a, a.stored_at), stage_ms(a, a.shown_at), stage_ms(a, a.accepted_at),
       stage_ms(a, a.delivered_at), stage_ms(a, a.acknowledged_at), stage_ms(a, a.resolved_at),
       CASE WHEN with_words THEN past_words(a) END
  FROM (SELECT a.pressed_at AT TIME ZONE
               coalesce((SELECT j.time_zone FROM jurisdiction j WHERE j.jurisdiction = a.jurisdiction), 'UTC')) AS wall (t)
$$;

CREATE FUNCTION keep_past(a alert) RETURNS void LANGUAGE plpgsql AS $$
-- Write an alert's row, or write it again.
BEGIN
    INSERT INTO alert_past SELECT p.* FROM past_of(a, true) AS p WHERE NOT is_synthetic(a)
    ON CONFLICT (alert_id) DO UPDATE
       SET pressed_at = excluded.pressed_at, wall_day = excluded.wall_day, wall_minute = excluded.wall_minute,
           received_ms = excluded.received_ms, stored_ms = excluded.stored_ms, on_screen_ms = excluded.on_screen_ms,
           provider_accepted_ms = excluded.provider_accepted_ms, delivered_ms = excluded.delivered_ms,
           acknowledged_ms = excluded.acknowledged_ms, resolved_ms = excluded.resolved_ms, words = excluded.words;
END $$;

CREATE FUNCTION alert_became_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_past(NEW);
    RETURN NULL;
END $$;

CREATE FUNCTION past_was_written() RETURNS trigger LANGUAGE plpgsql AS $$
-- A note that comes after the end, or was erased.
BEGIN
    UPDATE alert_past p SET words = past_words(a) FROM alert a
     WHERE a.alert_id = NEW.alert_id AND p.alert_id = NEW.alert_id;
    RETURN NULL;
END $$;

CREATE FUNCTION measured(of_jurisdiction text, is_drill boolean, since timestamptz,
                         of_site uuid, of_kind text, from_minute integer, until_minute integer)
RETURNS SETOF alert_past LANGUAGE sql STABLE AS $$
-- The alerts that count in a figure, the open ones too. A null asks for all; minutes are of the day, by the
-- clock on the jurisdiction's wall, and may go over midnight.
SELECT p.*
  FROM (SELECT * FROM alert_past
         UNION ALL
        SELECT o.* FROM alert a CROSS JOIN LATERAL past_of(a, false) AS o WHERE a.resolved_at IS NULL AND NOT is_synthetic(a)) AS p
 WHERE p.jurisdiction = of_jurisdiction AND p.drill = is_drill AND p.pressed_at >= since
   AND (of_site IS NULL OR p.site_id = of_site) AND (of_kind IS NULL OR p.kind = of_kind)
   AND (from_minute IS NULL OR CASE WHEN from_minute < until_minute THEN p.wall_minute >= from_minute AND p.wall_minute < until_minute
                                    ELSE p.wall_minute >= from_minute OR p.wall_minute < until_minute END)
$$;

CREATE FUNCTION group_key(by text, site_id uuid, kind text, answered_by text, wall_day date, wall_minute integer, shifts integer[])
RETURNS text LANGUAGE sql STABLE AS $$
-- What alerts have in common. A shift is known by its place among the minutes at which shifts begin: what is before
-- the first of them is of the last.
SELECT coalesce(CASE by
    WHEN 'site' THEN site_id::text
    WHEN 'kind' THEN kind
    WHEN 'person' THEN answered_by
    WHEN 'shift' THEN coalesce(nullif(width_bucket(wall_minute, shifts), 0), cardinality(shifts))::text
    ELSE date_trunc(by, wall_day::timestamp)::date::text END, '')
$$;

-- What is there already, before any table is locked that others use; what is resolved meanwhile comes at the end.
INSERT INTO alert_past
SELECT p.* FROM alert a CROSS JOIN LATERAL past_of(a, true) AS p WHERE a.resolved_at IS NOT NULL AND NOT is_synthetic(a);

-- The newest of a search; its words; and the figures, which are read from this index alone.
CREATE INDEX alert_past_newest ON alert_past (jurisdiction, pressed_at DESC, alert_id DESC);
CREATE INDEX alert_past_words ON alert_past USING gin (words);
CREATE INDEX alert_past_figures ON alert_past (jurisdiction, drill, pressed_at, lot)
    INCLUDE (kind, site_id, wall_day, wall_minute, answered_by, received_ms, stored_ms, on_screen_ms, provider_accepted_ms,
             delivered_ms, acknowledged_ms, resolved_ms);

CREATE TRIGGER alert_is_past AFTER UPDATE ON alert FOR EACH ROW
    WHEN (NEW.resolved_at IS NOT NULL
          AND (OLD.resolved_at IS NULL OR (OLD.pressed_at, OLD.shown_at, OLD.accepted_at, OLD.delivered_at, OLD.outcome)
               IS DISTINCT FROM (NEW.pressed_at, NEW.shown_at, NEW.accepted_at, NEW.delivered_at, NEW.outcome)))
    EXECUTE FUNCTION alert_became_past();
CREATE TRIGGER past_is_noted AFTER INSERT ON alert_event FOR EACH ROW
    WHEN (NEW.name IN ('noted', 'resolved', 'false_alarm_explained')) EXECUTE FUNCTION past_was_written();
CREATE TRIGGER past_is_erased AFTER UPDATE ON alert_event FOR EACH ROW
    WHEN (NEW.name IN ('acknowledged', 'taken_over', 'noted', 'resolved', 'false_alarm_explained') AND NEW.payload IS NULL)
    EXECUTE FUNCTION past_was_written();

-- Whether figures of latency may be about single persons: only where a jurisdiction has decided so.
ALTER TABLE jurisdiction ADD COLUMN latency_by_person boolean NOT NULL DEFAULT false;

-- Who decided that, and when: each change stays.
CREATE TABLE latency_by_person_change (
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    by           text NOT NULL,
    allowed      boolean NOT NULL,
    PRIMARY KEY (jurisdiction, at)
);

-- What was resolved since the beginning of this.
SELECT keep_past(a) FROM alert a WHERE a.resolved_at > now() - interval '1 minute';
