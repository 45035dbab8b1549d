-- Other systems that follow alerts (webhooks), and what each of them was told.

CREATE TABLE hook (
    hook_id          uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction     text NOT NULL REFERENCES jurisdiction,
    name             text NOT NULL,
    url              text NOT NULL,
    secret           text NOT NULL,            -- as it is given to the receiver: it signs, so it can't be a digest
    former_secret    text,                     -- signs beside it while a rotation lasts
    former_until     timestamptz,
    events           text[] NOT NULL,
    drills           boolean NOT NULL,
    disabled_because text,                     -- null: it is enabled
    added_by         text NOT NULL,
    added_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (jurisdiction, name)
);

-- One event for one hook. It has no foreign keys: a press must neither wait for somebody who takes a hook
-- away, nor fail because of it.
CREATE TABLE hook_delivery (
    delivery_id uuid PRIMARY KEY DEFAULT uuid7(),
    hook_id     uuid NOT NULL,
    alert_id    uuid,                          -- null: somebody tries whether the hook works
    n           integer,
    name        text NOT NULL,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'delivered', 'dead')),
    tries       integer NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz,
    status      integer,                       -- the receiver's last answer
    error       text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((alert_id IS NULL) = (n IS NULL))
);
CREATE INDEX hook_delivery_unsent ON hook_delivery (hook_id, alert_id, n) WHERE state IN ('pending', 'sending');
CREATE INDEX hook_delivery_due ON hook_delivery (hook_id, due_at) WHERE state IN ('pending', 'sending');
CREATE INDEX hook_delivery_newest ON hook_delivery (hook_id, created_at DESC);

CREATE FUNCTION tell_hooks() RETURNS trigger LANGUAGE plpgsql AS $$
-- Leave a delivery for everyone who follows this. It is in the transaction of the press itself: where nobody
-- follows anything it asks one question and ends.
DECLARE
    said text := NEW.name;
BEGIN
    IF NOT EXISTS (SELECT FROM hook) THEN
        RETURN NULL;
    END IF;
    IF said IN ('tier_told', 'nobody_to_tell') THEN
        -- Everybody was told and nobody has answered: said once, and not at each further round.
        IF NEW.payload->>'unanswered' IS DISTINCT FROM 'true'
           OR (SELECT e.payload->>'unanswered' FROM alert_event e
                WHERE e.alert_id = NEW.alert_id AND e.n < NEW.n AND e.name IN ('tier_told', 'nobody_to_tell', 'made_actual', 'climbs_again')
                ORDER BY e.n DESC LIMIT 1) = 'true' THEN
            RETURN NULL;
        END IF;
        said := 'unanswered';
    END IF;
    INSERT INTO hook_delivery (hook_id, alert_id, n, name)
    SELECT h.hook_id, NEW.alert_id, NEW.n, 'alert.' || said
      FROM alert a JOIN hook h USING (jurisdiction)
     WHERE a.alert_id = NEW.alert_id AND h.disabled_because IS NULL AND 'alert.' || said = ANY (h.events)
       AND (h.drills OR NOT a.drill);
    RETURN NULL;
END $$;
CREATE TRIGGER alert_event_followed AFTER INSERT ON alert_event
    FOR EACH ROW WHEN (NEW.name IN ('pressed', 'pressed_again', 'cancelled_at_button', 'acknowledged', 'responding',
                                    'on_scene', 'taken_over', 'climbs_again', 'resolved', 'made_actual', 'tier_told', 'nobody_to_tell'))
    EXECUTE FUNCTION tell_hooks();
