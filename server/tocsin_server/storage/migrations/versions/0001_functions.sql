-- The few transactions of an alert's life, each one statement for its caller: no replica
-- that stops in the middle can leave one half done, or locks behind.

CREATE FUNCTION event_link(chain bytea, of_alert uuid, n integer, at_time timestamptz, event_name text, digest bytea)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS
-- Law 12: each event of an alert is chained to the one before it. `tocsin verify` does the same.
$$ SELECT sha256(chain || convert_to(concat_ws('|', of_alert, n,
       to_char(at_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event_name), 'UTF8') || digest) $$;

CREATE FUNCTION append_event(of_alert uuid, event_name text, event_payload json) RETURNS void
LANGUAGE plpgsql AS $$
-- Add to an alert's record and raise its version. The alert's row is locked by that, so
-- that events of one alert are numbered without gaps, whoever writes them.
DECLARE
    a       record;
    at_time timestamptz := clock_timestamp();
    salt    bytea := uuid_send(gen_random_uuid());
    digest  bytea := sha256(salt || convert_to(event_payload::text, 'UTF8'));
BEGIN
    UPDATE alert
       SET event_count = event_count + 1, version = version + 1,
           chain = event_link(chain, of_alert, event_count + 1, at_time, event_name, digest)
     WHERE alert_id = of_alert
    RETURNING alert.event_count, alert.chain, alert.version INTO STRICT a;
    INSERT INTO alert_event VALUES (of_alert, a.event_count, at_time, event_name, salt, event_payload, digest, a.chain);
    PERFORM pg_notify('tocsin_alert', of_alert::text || ' ' || a.version);
END $$;

CREATE FUNCTION keep_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.payload IS NULL AND NEW.salt IS NULL
       AND (NEW.alert_id, NEW.n, NEW.at, NEW.name, NEW.digest, NEW.chain)
         = (OLD.alert_id, OLD.n, OLD.at, OLD.name, OLD.digest, OLD.chain) THEN
        RETURN NEW;  -- a lawful erasure: what was said goes, that it was said stays
    END IF;
    RAISE EXCEPTION 'the record of alerts is only ever added to' USING HINT =
        'To erase personal data, set payload and salt to NULL; the chain of digests stays.';
END $$;
CREATE TRIGGER alert_event_is_kept BEFORE UPDATE OR DELETE ON alert_event
    FOR EACH ROW EXECUTE FUNCTION keep_record();
CREATE TRIGGER alert_event_is_not_truncated BEFORE TRUNCATE ON alert_event
    FOR EACH STATEMENT EXECUTE FUNCTION keep_record();
REVOKE UPDATE, DELETE, TRUNCATE ON alert_event FROM PUBLIC;

CREATE FUNCTION wire_time(t timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

CREATE FUNCTION alert_state(a alert) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN a.resolved_at IS NOT NULL THEN 'resolved'
               WHEN a.responding_at IS NOT NULL THEN 'responding'
               WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged'
               ELSE 'open' END $$;

CREATE FUNCTION press_state(a alert) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
-- What a receipt says of an alert's presses.
$$ SELECT CASE alert_state(a) WHEN 'open' THEN 'stored' ELSE alert_state(a) END $$;

CREATE FUNCTION alert_view(a alert) RETURNS json LANGUAGE sql STABLE AS $$
-- What a screen shows of an alert: the one place that decides it.
SELECT json_build_object(
    'alert_id', a.alert_id, 'version', a.version, 'device_id', a.device_id, 'kind', a.kind,
    'drill', a.drill, 'code', a.code, 'state', alert_state(a),
    'unanswered', a.unanswered_at IS NOT NULL AND a.acknowledged_at IS NULL AND a.resolved_at IS NULL,
    'presses', a.presses, 'cancelled', a.cancelled, 'remarks', a.remarks, 'place', a.place,
    'pressed_at', wire_time(a.pressed_at), 'received_at', wire_time(a.received_at),
    'stored_at', wire_time(a.stored_at), 'shown_at', wire_time(a.shown_at),
    'acknowledged_at', wire_time(a.acknowledged_at), 'acknowledged_by', a.acknowledged_by,
    'responding_at', wire_time(a.responding_at), 'resolved_at', wire_time(a.resolved_at),
    'resolved_by', a.resolved_by, 'outcome', a.outcome,
    'tier', least(a.attempt, jsonb_array_length(a.tiers)), 'tiers', jsonb_array_length(a.tiers),
    'next_decision_at', CASE WHEN a.acknowledged_at IS NULL AND a.resolved_at IS NULL THEN wire_time(a.decide_at) END,
    'previous_alert_id', a.previous_alert_id,
    'notifications', CASE WHEN a.attempt = 0 THEN '[]'::json ELSE coalesce(
        (SELECT json_agg(json_build_object(
                    'notification_id', n.notification_id, 'name', n.name, 'method', n.method,
                    'purpose', n.purpose, 'tier', n.tier, 'state', n.state,
                    'at', wire_time(n.changed_at), 'error', n.error) ORDER BY n.created_at, n.name)
           FROM (SELECT * FROM notification WHERE alert_id = a.alert_id
                 ORDER BY created_at DESC LIMIT 60) n), '[]'::json) END)
$$;

CREATE FUNCTION draw_code() RETURNS text LANGUAGE plpgsql AS $$
-- Four digits that no open alert has, of whichever jurisdiction; six where those run out.
DECLARE
    drawn text;
BEGIN
    FOR i IN 1..60 LOOP
        drawn := lpad(floor(random() * CASE WHEN i <= 20 THEN 1e4 ELSE 1e6 END)::integer::text,
                      CASE WHEN i <= 20 THEN 4 ELSE 6 END, '0');
        EXIT WHEN NOT EXISTS (SELECT FROM alert WHERE code = drawn AND resolved_at IS NULL);
    END LOOP;
    RETURN drawn;
END $$;

CREATE FUNCTION join_or_open(of_device text, of_jurisdiction text, of_kind text, is_drill boolean,
                             count_of_presses integer, first_pressed timestamptz, first_received timestamptz,
                             said text[], known_place json, policy_tiers jsonb,
                             OUT id uuid, OUT opened boolean)
LANGUAGE plpgsql AS $$
-- Law 8: one upsert decides between joining and opening, so two replicas can't do both.
BEGIN
    INSERT INTO alert (alert_id, jurisdiction, device_id, kind, drill, code, presses, remarks, place, tiers,
                       previous_alert_id, pressed_at, received_at, stored_at, attempted_at, decide_at)
    VALUES (uuid7(), of_jurisdiction, of_device, of_kind, is_drill, draw_code(), count_of_presses,
            said, known_place, policy_tiers,
            (SELECT alert_id FROM alert WHERE device_id = of_device ORDER BY received_at DESC LIMIT 1),
            first_pressed, first_received, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (device_id, kind, drill) WHERE joinable DO UPDATE
        SET presses = alert.presses + excluded.presses,
            pressed_at = least(alert.pressed_at, excluded.pressed_at),
            previous_alert_id = alert.previous_alert_id,
            remarks = (SELECT coalesce(array_agg(DISTINCT r), '{}')
                         FROM (SELECT unnest(alert.remarks || excluded.remarks) LIMIT 40) t(r))
    RETURNING alert_id, xmax = 0 INTO id, opened;
END $$;

CREATE FUNCTION earlier_presses(batch jsonb, now_ timestamptz)
RETURNS TABLE (device_id text, press_id uuid, alert_id uuid, pressed_at timestamptz, attempt integer)
LANGUAGE sql STABLE AS $$
-- A later attempt can show that a press was earlier: a slow first delivery looked young.
SELECT p.device_id, p.press_id, p.alert_id, said.pressed_at, greatest(p.attempt, s.attempt)
  FROM jsonb_to_recordset(batch) AS s(device_id text, press_id uuid, attempt integer, age_ms bigint, held_ms double precision)
 CROSS JOIN LATERAL (SELECT now_ - (s.held_ms + s.age_ms) * interval '1 ms' AS pressed_at) AS said
  JOIN press p ON p.device_id = s.device_id AND p.press_id = s.press_id
 WHERE p.alert_id IS NOT NULL AND p.pressed_at - said.pressed_at > interval '50 ms'
$$;

CREATE FUNCTION lock_earlier(batch jsonb, now_ timestamptz) RETURNS void LANGUAGE plpgsql AS $$
-- Where old presses are refined beside new ones, all their alerts are locked first, in the order in
-- which everybody locks alerts: one after another, as they come, has deadlocked replicas.
DECLARE
    alerts     uuid[] := ARRAY(SELECT alert_id FROM earlier_presses(batch, now_));
    device_ids text[] := ARRAY(SELECT DISTINCT device_id FROM jsonb_to_recordset(batch) AS s(device_id text));
BEGIN
    IF cardinality(alerts) > 0 THEN
        PERFORM FROM alert a
          WHERE a.alert_id = ANY (alerts) OR a.joinable AND a.device_id = ANY (device_ids)
          ORDER BY a.device_id, a.kind, a.drill, a.alert_id
            FOR NO KEY UPDATE;
    END IF;
END $$;

CREATE FUNCTION store_presses(batch jsonb, devices jsonb)
RETURNS TABLE (device_id text, press_id uuid, alert_id uuid, fresh boolean, state text, drill boolean,
               jurisdiction text, version integer, view json)
LANGUAGE plpgsql
-- Plans are kept, and the first are made on empty tables: without these they would read whole
-- tables later. Everything here is a look-up of a few rows by an index.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
-- Commit verified presses: each once, joined to an alert or opening one. `batch` is sorted by
-- (device_id, press_id), which keeps replicas from deadlocking; `devices` gives each device's
-- jurisdiction, site, place and tiers. Answers a row for each press of the batch, also for those
-- known before, and with the first new one of each alert what screens show of it.
#variable_conflict use_column
DECLARE
    g       record;
    d       jsonb;
    target  uuid;
    opened  boolean;
    fresh   uuid[] := '{}';
    locked  boolean := false;
    now_    timestamptz := clock_timestamp();
BEGIN
    FOR g IN
        WITH said AS (
            SELECT *, now_ - held_ms * interval '1 ms' AS received_at,
                   now_ - (held_ms + age_ms) * interval '1 ms' AS pressed_at
              FROM jsonb_to_recordset(batch) AS b(
                   device_id text, press_id uuid, kind text, said_drill boolean, gesture text, boot_id uuid,
                   seq integer, attempt integer, age_ms bigint, age_exact boolean, device_clock text,
                   cancels uuid, remarks text[], jws text, held_ms double precision)
        ), inserted AS (
            INSERT INTO press (device_id, press_id, jurisdiction, kind, drill, said_drill, gesture, boot_id,
                               seq, attempt, age_ms, age_exact, device_clock, cancels, remarks,
                               pressed_at, received_at, jws)
            SELECT s.device_id, s.press_id, devices->s.device_id->>'jurisdiction', s.kind,
                   s.said_drill AND EXISTS (
                       SELECT FROM drill_window w WHERE w.site_id = (devices->s.device_id->>'site_id')::uuid
                          AND s.pressed_at BETWEEN w.opened_at AND w.closes_at),
                   s.said_drill, s.gesture, s.boot_id, s.seq, s.attempt, s.age_ms, s.age_exact,
                   s.device_clock, s.cancels, s.remarks, s.pressed_at, s.received_at, convert_to(s.jws, 'UTF8')
              FROM said s ORDER BY s.device_id, s.press_id
            ON CONFLICT DO NOTHING
            RETURNING *
        )
        SELECT i.device_id, i.kind, i.drill, i.said_drill,
               CASE WHEN i.kind = 'cancel' THEN i.cancels END AS cancels,
               count(*)::integer AS presses, sum(count(*)) OVER () AS inserted, min(i.pressed_at) AS pressed_at, min(i.received_at) AS received_at,
               array_agg(i.press_id ORDER BY i.press_id) AS press_ids,
               array_agg(i.gesture ORDER BY i.press_id) AS gestures,
               (SELECT coalesce(array_agg(DISTINCT r), '{}') FROM inserted j, unnest(j.remarks) r
                 WHERE (j.device_id, j.kind, j.drill) = (i.device_id, i.kind, i.drill)) AS remarks,
               -- Its cancel came first, and opened the alert that this press joins if it still can.
               -- (A LIMIT and no EXISTS: that one would be hashed, by reading all presses.)
               i.kind = 'cancel' OR bool_or((
                   SELECT true FROM press early WHERE early.device_id = i.device_id
                      AND early.cancels = i.press_id AND early.kind = 'cancel' LIMIT 1) IS TRUE) AS cancelled
          FROM inserted i
         GROUP BY 1, 2, 3, 4, 5
         ORDER BY i.device_id, i.kind = 'cancel', i.kind, i.drill
    LOOP
        IF NOT locked AND g.inserted < jsonb_array_length(batch) THEN
            PERFORM lock_earlier(batch, now_);
        END IF;
        locked := true;
        d := devices->g.device_id;
        target := NULL;
        opened := false;
        IF g.said_drill AND NOT g.drill THEN
            g.remarks := g.remarks || 'The button says this is a drill, but no drill is open at this site: treat it as real.'::text;
        END IF;
        IF g.cancels IS NOT NULL THEN
            SELECT p.alert_id INTO target FROM press p
             WHERE p.device_id = g.device_id AND p.press_id = g.cancels AND p.alert_id IS NOT NULL;
        END IF;
        IF target IS NULL THEN
            -- A cancel whose press has not arrived still says that somebody pressed here.
            SELECT j.id, j.opened INTO target, opened FROM join_or_open(
                g.device_id, d->>'jurisdiction', CASE WHEN g.kind = 'cancel' THEN 'duress' ELSE g.kind END, g.drill,
                CASE WHEN g.kind = 'cancel' THEN 0 ELSE g.presses END, g.pressed_at, g.received_at,
                g.remarks, (d->'place')::json, d->'tiers') j;
        END IF;
        IF g.cancelled THEN
            UPDATE alert SET cancelled = true WHERE alert_id = target;
        END IF;
        UPDATE press SET alert_id = target WHERE device_id = g.device_id AND press_id = ANY (g.press_ids);
        PERFORM append_event(target,
            CASE WHEN g.kind = 'cancel' THEN 'cancelled_at_button' WHEN opened THEN 'pressed' ELSE 'pressed_again' END,
            json_build_object('press_ids', g.press_ids, 'gestures', g.gestures, 'kind', g.kind, 'drill', g.drill,
                'pressed_at', g.pressed_at, 'received_at', g.received_at, 'remarks', g.remarks,
                'place', CASE WHEN opened THEN d->'place' END));
        fresh := fresh || g.press_ids;
        RETURN QUERY
        SELECT g.device_id, new_press, target, true, press_state(a), a.drill, a.jurisdiction, a.version,
               CASE WHEN new_press = g.press_ids[1] THEN alert_view(a) END
          FROM alert a, unnest(g.press_ids) AS new_press WHERE a.alert_id = target;
    END LOOP;

    IF cardinality(fresh) = jsonb_array_length(batch) THEN
        RETURN;
    END IF;
    -- A press that is known can be on this server alone: a commit whose wait for its standbys was cut
    -- short is seen all the same. A transaction that writes waits for them, before anybody is told.
    PERFORM pg_logical_emit_message(true, 'tocsin', '');

    IF NOT locked THEN
        PERFORM lock_earlier(batch, now_);
    END IF;
    FOR g IN SELECT * FROM earlier_presses(batch, now_)
    LOOP
        UPDATE press SET pressed_at = g.pressed_at, attempt = g.attempt
         WHERE device_id = g.device_id AND press_id = g.press_id;
        UPDATE alert SET pressed_at = least(pressed_at, g.pressed_at) WHERE alert_id = g.alert_id;
        PERFORM append_event(g.alert_id, 'pressed_at_refined',
            json_build_object('press_id', g.press_id, 'pressed_at', g.pressed_at));
    END LOOP;

    RETURN QUERY
    SELECT p.device_id, p.press_id, p.alert_id, false, press_state(a), a.drill, a.jurisdiction, a.version,
           CASE WHEN row_number() OVER (PARTITION BY p.alert_id ORDER BY p.press_id) = 1 THEN alert_view(a) END
      FROM jsonb_to_recordset(batch) AS s(device_id text, press_id uuid)
      JOIN press p USING (device_id, press_id)
      JOIN alert a ON a.alert_id = p.alert_id
     WHERE NOT p.press_id = ANY (fresh);
END $$;

CREATE FUNCTION begin_attempt(of_alert uuid, from_attempt integer, next_attempt integer, next_tier integer,
                              people jsonb, patience_s double precision, is_unanswered boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Move an alert on and leave its notifications pending, together. Nothing happens where somebody
-- acknowledged it, or another replica moved it on, in the meantime.
DECLARE
    a alert;
BEGIN
    UPDATE alert
       SET attempt = next_attempt, attempted_at = clock_timestamp(),
           decide_at = clock_timestamp() + patience_s * interval '1 s',
           unanswered_at = CASE WHEN is_unanswered THEN coalesce(unanswered_at, clock_timestamp()) END,
           joinable = joinable AND NOT is_unanswered
     WHERE alert_id = of_alert AND attempt = from_attempt AND acknowledged_at IS NULL AND resolved_at IS NULL
    RETURNING * INTO a;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A page that could not be sent yet is superseded: nobody gets ten at once when the provider is back.
    UPDATE notification SET state = 'withdrawn', changed_at = clock_timestamp()
     WHERE alert_id = of_alert AND purpose = 'page' AND state = 'pending'
       AND person_id IN (SELECT p.person_id FROM jsonb_to_recordset(people) AS p(person_id uuid));
    INSERT INTO notification (jurisdiction, alert_id, purpose, attempt, tier, person_id, name, address)
    SELECT a.jurisdiction, of_alert, 'page', next_attempt, next_tier, p.person_id, p.name, p.address
      FROM jsonb_to_recordset(people) AS p(person_id uuid, name text, address text)
    ON CONFLICT DO NOTHING;
    PERFORM append_event(of_alert, CASE WHEN jsonb_array_length(people) = 0 THEN 'nobody_to_tell' ELSE 'tier_told' END,
        json_build_object('attempt', next_attempt, 'tier', next_tier, 'unanswered', is_unanswered,
            'people', (SELECT coalesce(jsonb_agg(p->>'name'), '[]') FROM jsonb_array_elements(people) p)));
    RETURN true;
END $$;

CREATE FUNCTION tell_who_has_it(of_alert uuid, only_person uuid) RETURNS void LANGUAGE sql AS $$
-- Everyone who was paged learns who has it, once, but for the one who just said so on that phone.
INSERT INTO notification (jurisdiction, alert_id, purpose, person_id, name, address)
SELECT DISTINCT ON (n.person_id) n.jurisdiction, n.alert_id, 'stand_down', n.person_id, n.name, n.address
  FROM notification n JOIN alert a USING (alert_id)
 WHERE n.alert_id = of_alert AND n.purpose = 'page' AND n.state IN ('sending', 'accepted', 'delivered', 'undelivered')
   AND (only_person IS NULL OR n.person_id = only_person)
   AND a.acknowledged_at IS NOT NULL AND n.address IS DISTINCT FROM a.acknowledged_phone
   AND NOT EXISTS (SELECT FROM person p WHERE p.person_id = n.person_id AND p.opted_out_at IS NOT NULL)
ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION stand_down(of_alert uuid) RETURNS void LANGUAGE plpgsql AS $$
-- A human has it: no further decision, no further page.
BEGIN
    UPDATE alert SET decide_at = NULL
     WHERE alert_id = of_alert AND decide_at IS NOT NULL AND (acknowledged_at IS NOT NULL OR resolved_at IS NOT NULL);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE notification SET state = 'withdrawn', changed_at = clock_timestamp()
     WHERE alert_id = of_alert AND purpose = 'page' AND state = 'pending';
    PERFORM tell_who_has_it(of_alert, NULL);
    PERFORM append_event(of_alert, 'stood_down', '{}'::json);
END $$;

CREATE FUNCTION acknowledge(of_alert uuid, of_jurisdiction text, by_person uuid, by_name text, path text, by_phone text)
RETURNS TABLE (won boolean, acknowledged_by text, acknowledged_at timestamptz, state text)
LANGUAGE plpgsql AS $$
-- The first acknowledgement wins; everybody else is told who it was. No row: no such alert.
#variable_conflict use_column
DECLARE
    a   alert;
    won boolean;
BEGIN
    UPDATE alert
       SET acknowledged_at = clock_timestamp(), acknowledged_by = by_name, acknowledged_person = by_person,
           acknowledged_phone = by_phone, joinable = false, decide_at = clock_timestamp()
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND acknowledged_at IS NULL AND resolved_at IS NULL
    RETURNING * INTO a;
    won := FOUND;
    IF won THEN
        UPDATE device_health SET last_proven_at = a.acknowledged_at, last_proven_by = by_name WHERE device_id = a.device_id;
        PERFORM append_event(of_alert, 'acknowledged', json_build_object('by', by_name, 'path', path));
    ELSE
        SELECT * INTO a FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        PERFORM append_event(of_alert, 'acknowledged_late', json_build_object('by', by_name, 'path', path));
    END IF;
    RETURN QUERY SELECT won, coalesce(a.acknowledged_by, a.resolved_by), coalesce(a.acknowledged_at, a.resolved_at), alert_state(a);
END $$;

CREATE FUNCTION record_accepted(of_notification uuid, provider_message text) RETURNS void LANGUAGE plpgsql AS $$
-- The provider took it. A report may have come first; the alert may have been acknowledged meanwhile.
DECLARE
    n notification;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    UPDATE notification
       SET state = CASE WHEN state = 'sending' THEN 'accepted' ELSE state END, provider_id = provider_message,
           lease_until = NULL, error = CASE WHEN state = 'sending' THEN NULL ELSE error END, changed_at = clock_timestamp()
     WHERE notification_id = of_notification RETURNING * INTO STRICT n;
    IF n.alert_id IS NULL THEN
        RETURN;
    END IF;
    IF n.purpose = 'page' THEN
        UPDATE alert SET accepted_at = coalesce(accepted_at, clock_timestamp()) WHERE alert_id = n.alert_id;
        PERFORM tell_who_has_it(n.alert_id, n.person_id);
    END IF;
    PERFORM append_event(n.alert_id, 'notification_accepted',
        json_build_object('to', n.name, 'method', n.method, 'purpose', n.purpose, 'tries', n.tries));
END $$;

CREATE FUNCTION record_report(of_notification uuid, provider_status text, rank integer, new_state text, problem text)
RETURNS boolean LANGUAGE plpgsql AS $$
-- A report of the provider, out of order, doubled or late: kept raw, and it only ever moves forward.
DECLARE
    n notification;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    INSERT INTO provider_report (notification_id, status, error_code)
    SELECT notification_id, provider_status, problem FROM notification WHERE notification_id = of_notification;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE notification
       SET provider_rank = rank, state = new_state, error = problem, changed_at = clock_timestamp(), lease_until = NULL
     WHERE notification_id = of_notification AND provider_rank < rank RETURNING * INTO n;
    IF FOUND AND n.alert_id IS NOT NULL THEN
        IF n.purpose = 'page' AND new_state = 'delivered' THEN
            UPDATE alert SET delivered_at = coalesce(delivered_at, clock_timestamp()) WHERE alert_id = n.alert_id;
        END IF;
        PERFORM append_event(n.alert_id, 'notification_' || new_state,
            json_build_object('to', n.name, 'method', n.method, 'purpose', n.purpose,
                              'status', provider_status, 'error', problem));
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION record_failure(of_notification uuid, problem text, retry_s double precision) RETURNS void LANGUAGE plpgsql AS $$
-- A send went wrong: try again after `retry_s`, or, where that is null, never.
DECLARE
    n notification;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    UPDATE notification
       SET state = CASE WHEN retry_s IS NULL THEN 'failed' ELSE 'pending' END, error = problem, lease_until = NULL,
           due_at = clock_timestamp() + coalesce(retry_s, 0) * interval '1 s', changed_at = clock_timestamp()
     WHERE notification_id = of_notification AND state = 'sending' RETURNING * INTO n;
    IF FOUND AND n.alert_id IS NOT NULL THEN
        PERFORM append_event(n.alert_id, 'notification_failed',
            json_build_object('to', n.name, 'method', n.method, 'error', problem, 'retry_s', retry_s, 'tries', n.tries));
    END IF;
END $$;

CREATE FUNCTION record_shown(of_alert uuid, age_ms double precision) RETURNS void LANGUAGE plpgsql AS $$
-- A page has painted it. Only the first of all screens counts.
BEGIN
    UPDATE alert SET shown_at = clock_timestamp() - age_ms * interval '1 ms' WHERE alert_id = of_alert AND shown_at IS NULL;
    IF FOUND THEN
        PERFORM append_event(of_alert, 'shown', json_build_object('seconds_ago', round((age_ms / 1000)::numeric, 3)));
    END IF;
END $$;

CREATE FUNCTION respond(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- The holder says that somebody is on the way. False: there is no such alert, or it can't be responded to.
BEGIN
    UPDATE alert SET responding_at = clock_timestamp()
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction
       AND acknowledged_at IS NOT NULL AND responding_at IS NULL AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'responding', json_build_object('by', by_name));
    RETURN true;
END $$;

CREATE FUNCTION resolve(of_alert uuid, of_jurisdiction text, by_name text, what text, note text) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Close an alert. Whoever resolves one that nobody had taken has thereby taken it.
BEGIN
    UPDATE alert SET resolved_at = clock_timestamp(), resolved_by = by_name, outcome = what, joinable = false,
                     acknowledged_at = coalesce(acknowledged_at, clock_timestamp()),
                     acknowledged_by = coalesce(acknowledged_by, by_name),
                     decide_at = CASE WHEN acknowledged_at IS NULL THEN clock_timestamp() ELSE decide_at END
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'resolved', json_build_object('by', by_name, 'outcome', what, 'note', note));
    RETURN true;
END $$;

CREATE FUNCTION make_actual(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- A drill becomes the real thing: it climbs from tier 1 again, now to everybody.
BEGIN
    UPDATE alert SET drill = false, joinable = false, attempt = 0, attempted_at = clock_timestamp(), decide_at = clock_timestamp(),
                     unanswered_at = NULL, acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_person = NULL,
                     acknowledged_phone = NULL, responding_at = NULL
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND drill AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- The pages of the drill must not stand in the way of the real ones.
    UPDATE notification SET attempt = -1 - attempt WHERE alert_id = of_alert AND attempt >= 0;
    PERFORM append_event(of_alert, 'made_actual', json_build_object('by', by_name));
    RETURN true;
END $$;

CREATE FUNCTION tell_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tocsin_directory', '');
    RETURN NULL;
END $$;
CREATE TRIGGER jurisdiction_changed AFTER INSERT OR UPDATE OR DELETE ON jurisdiction
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER policy_changed AFTER INSERT OR UPDATE OR DELETE ON policy
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER person_changed AFTER INSERT OR UPDATE OR DELETE ON person
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER site_changed AFTER INSERT OR UPDATE OR DELETE ON site
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER place_changed AFTER INSERT OR UPDATE OR DELETE ON place
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER device_changed AFTER INSERT OR UPDATE OR DELETE ON device
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
CREATE TRIGGER drill_window_changed AFTER INSERT OR UPDATE OR DELETE ON drill_window
    FOR EACH STATEMENT EXECUTE FUNCTION tell_directory();
