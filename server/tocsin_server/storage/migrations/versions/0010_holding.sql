-- Who has an alert: taking it, handing it over, asking for more help, and what happens when the one who
-- has it falls silent.

CREATE FUNCTION wants_help(a alert) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
-- Nobody has it, or whoever has it needs others, or says nothing any more.
$$ SELECT a.resolved_at IS NULL AND (a.acknowledged_at IS NULL OR a.again_at IS NOT NULL) $$;

CREATE OR REPLACE FUNCTION alert_view(a alert) RETURNS json LANGUAGE sql STABLE AS $$
-- What a screen shows of an alert: the one place that decides it. While a press that proves a button is
-- told to nobody there is no next tier that a screen could count down to.
SELECT json_build_object(
    'alert_id', a.alert_id, 'version', a.version, 'device_id', a.device_id, 'kind', a.kind,
    'drill', a.drill, 'code', a.code, 'state', alert_state(a),
    'unanswered', a.unanswered_at IS NOT NULL AND wants_help(a),
    'presses', a.presses, 'cancelled', a.cancelled, 'remarks', a.remarks, 'place', a.place,
    'pressed_at', wire_time(a.pressed_at), 'received_at', wire_time(a.received_at),
    'stored_at', wire_time(a.stored_at), 'shown_at', wire_time(a.shown_at),
    'acknowledged_at', wire_time(a.acknowledged_at), 'acknowledged_by', a.acknowledged_by,
    'held_at', wire_time(a.held_at), 'asked_at', wire_time(a.asked_at),
    'again_at', wire_time(a.again_at), 'again_why', a.again_why, 'offered_to', a.offered_name,
    'responding_at', wire_time(a.responding_at), 'on_scene_at', wire_time(a.on_scene_at), 'resolved_at', wire_time(a.resolved_at),
    'resolved_by', a.resolved_by, 'outcome', a.outcome,
    'tier', least(a.attempt, jsonb_array_length(a.tiers)), 'tiers', jsonb_array_length(a.tiers),
    'next_decision_at', CASE WHEN wants_help(a) AND NOT (a.drill AND a.attempt = 0 AND proves_button(a)) THEN wire_time(a.decide_at) END,
    'previous_alert_id', a.previous_alert_id,
    'notifications', CASE WHEN a.attempt = 0 AND a.round = 0 THEN '[]'::json ELSE coalesce(
        (SELECT json_agg(json_build_object(
                    'notification_id', n.notification_id, 'name', n.name, 'method', n.method,
                    'purpose', n.purpose, 'tier', n.tier, 'state', n.state,
                    'at', wire_time(n.changed_at), 'error', n.error) ORDER BY n.created_at, n.name)
           FROM (SELECT * FROM notification WHERE alert_id = a.alert_id
                 ORDER BY created_at DESC LIMIT 60) n), '[]'::json) END)
$$;

CREATE FUNCTION was_heard(n notification) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- Whether somebody has listened to a call: a key shows it, or that it was answered, and not by a machine.
$$ SELECT n.provider_rank >= 9
       OR EXISTS (SELECT FROM provider_report r WHERE r.notification_id = n.notification_id AND r.status IN ('in-progress', 'completed'))
          AND NOT EXISTS (SELECT FROM provider_report r WHERE r.notification_id = n.notification_id AND r.status ~ '^(machine_|fax$)') $$;

-- By the message that was accepted just now, or (null) everybody's.
DROP FUNCTION tell_who_has_it(uuid, uuid);
CREATE FUNCTION tell_who_has_it(of_alert uuid, only_notification uuid) RETURNS void LANGUAGE sql AS $$
-- Everyone who was paged learns who has it, by the way they were told, once for each time somebody takes
-- it; but for the one who just said so there. A call that rings or speaks is ended, and whoever listens
-- hears it then. Another call is for those alone who have heard theirs and hung up, and were told in no
-- other way: neither a phone that nobody answered nor a voicemail is rung to call off what nobody heard.
INSERT INTO notification (jurisdiction, alert_id, purpose, round, attempt, person_id, name, contact_id, method, address, language)
SELECT DISTINCT ON (n.person_id, n.method, n.address)
       n.jurisdiction, n.alert_id, 'stand_down', a.round, a.holdings, n.person_id, n.name, n.contact_id, n.method, n.address, n.language
  FROM notification n JOIN alert a USING (alert_id)
 WHERE n.alert_id = of_alert AND n.purpose IN ('page', 'hand_over')
   AND n.state IN ('sending', 'accepted', 'delivered', 'undelivered', 'declined')
   AND (only_notification IS NULL OR n.notification_id = only_notification)
   AND a.acknowledged_at IS NOT NULL AND a.again_at IS NULL
   AND n.address IS DISTINCT FROM a.acknowledged_phone
   AND NOT (n.person_id IS NOT DISTINCT FROM a.acknowledged_person AND a.acknowledged_phone IS NOT NULL)
   AND NOT EXISTS (SELECT FROM contact c WHERE c.contact_id = n.contact_id AND c.unreachable IS NOT NULL)
   AND (n.method <> 'voice' OR n.state NOT IN ('sending', 'accepted') AND was_heard(n)
        -- Who has pressed 1 since then has heard it in answer.
        AND NOT (n.state = 'delivered' AND n.changed_at >= coalesce(a.held_at, a.acknowledged_at))
        AND NOT EXISTS (
           SELECT FROM notification o WHERE o.alert_id = n.alert_id AND o.person_id = n.person_id AND o.method <> 'voice'
              AND o.purpose = 'page' AND o.state IN ('sending', 'accepted', 'delivered', 'declined')))
ON CONFLICT DO NOTHING;
UPDATE notification n SET withdraw_at = clock_timestamp(), changed_at = clock_timestamp()
  FROM alert a
 WHERE a.alert_id = of_alert AND NOT wants_help(a) AND n.alert_id = of_alert AND n.purpose = 'page' AND n.method = 'voice'
   AND n.state IN ('sending', 'accepted') AND n.withdraw_at IS NULL
   AND (only_notification IS NULL OR n.notification_id = only_notification)
$$;

CREATE FUNCTION call_ended(of_notification uuid, was_over boolean) RETURNS void LANGUAGE plpgsql AS $$
-- A call that nobody needs to take any more has ended, and whoever listened knows why. Or it was over by
-- itself: whoever has heard it and hung up still has to learn who has it, now or as soon as that is reported.
DECLARE
    n notification;
BEGIN
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    UPDATE notification
       SET withdraw_at = NULL, changed_at = clock_timestamp(),
           state = CASE WHEN state = 'accepted' AND NOT was_over THEN 'withdrawn' ELSE state END,
           provider_rank = CASE WHEN was_over THEN provider_rank ELSE greatest(provider_rank, 8) END
     WHERE notification_id = of_notification RETURNING * INTO n;
    IF was_over AND n.state NOT IN ('sending', 'accepted') THEN
        PERFORM tell_who_has_it(n.alert_id, of_notification);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION stand_down(of_alert uuid) RETURNS void LANGUAGE plpgsql AS $$
-- A human has it: no further page. The next decision, if there is one, is whether they have fallen silent.
DECLARE
    was alert;
BEGIN
    SELECT * INTO was FROM alert WHERE alert_id = of_alert AND decide_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND OR wants_help(was) THEN
        RETURN;
    END IF;
    UPDATE alert a
       SET stood_down_at = coalesce(stood_down_at, clock_timestamp()),
           decide_at = (SELECT a.heard_at + j.holder_silent_s * interval '1 s' FROM jurisdiction j
                         WHERE j.jurisdiction = a.jurisdiction AND can_fall_silent(a))
     WHERE alert_id = of_alert;
    IF was.stood_down_at IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE notification SET state = 'withdrawn', changed_at = clock_timestamp()
     WHERE alert_id = of_alert AND purpose = 'page' AND state = 'pending';
    PERFORM tell_who_has_it(of_alert, NULL);
    PERFORM append_event(of_alert, 'stood_down', '{}'::json);
END $$;

CREATE FUNCTION can_fall_silent(a alert) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- Somebody has it, and hasn't said that anybody is on the way. Whoever proves a button closes it in their own time.
$$ SELECT a.acknowledged_at IS NOT NULL AND a.again_at IS NULL AND a.responding_at IS NULL AND a.on_scene_at IS NULL
      AND a.resolved_at IS NULL AND a.heard_at IS NOT NULL AND NOT proves_button(a) $$;

CREATE OR REPLACE FUNCTION acknowledge(of_alert uuid, of_jurisdiction text, by_person uuid, by_name text, path text, by_phone text)
RETURNS TABLE (won boolean, acknowledged_by text, acknowledged_at timestamptz, state text)
LANGUAGE plpgsql AS $$
-- The first acknowledgement wins; everybody else is told who it was. An alert that climbs again, or is
-- offered to somebody, is taken over by the first who says so. No row: no such alert.
#variable_conflict use_column
DECLARE
    was alert;
    a   alert;
BEGIN
    SELECT * INTO was FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE alert
       SET acknowledged_at = coalesce(acknowledged_at, clock_timestamp()), acknowledged_by = by_name, acknowledged_person = by_person,
           acknowledged_phone = by_phone, held_at = clock_timestamp(), heard_at = clock_timestamp(), asked_at = NULL,
           again_at = NULL, again_why = NULL, hurried = false, offered_to = NULL, offered_name = NULL, unanswered_at = NULL,
           holdings = holdings + 1, joinable = false, stood_down_at = NULL, decide_at = clock_timestamp()
     WHERE alert_id = of_alert AND resolved_at IS NULL
       AND (acknowledged_at IS NULL
            OR acknowledged_person IS DISTINCT FROM by_person AND (again_at IS NOT NULL OR offered_to = by_person))
    RETURNING * INTO a;
    IF FOUND THEN
        UPDATE device_health SET last_proven_at = a.acknowledged_at, last_proven_by = by_name
         WHERE device_id = a.device_id AND was.acknowledged_at IS NULL;
        PERFORM append_event(of_alert, CASE WHEN was.acknowledged_at IS NULL THEN 'acknowledged' ELSE 'taken_over' END,
            json_strip_nulls(json_build_object('by', by_name, 'path', path,
                'from', CASE WHEN was.acknowledged_at IS NOT NULL THEN was.acknowledged_by END)));
        RETURN QUERY SELECT true, a.acknowledged_by, a.held_at, alert_state(a);
        RETURN;
    END IF;
    IF was.acknowledged_person = by_person AND was.resolved_at IS NULL THEN
        -- Whoever has it says so again: they are not silent.
        UPDATE alert SET heard_at = clock_timestamp(), asked_at = NULL, again_at = NULL, again_why = NULL, hurried = false,
               stood_down_at = CASE WHEN again_at IS NULL THEN stood_down_at END, decide_at = clock_timestamp()
         WHERE alert_id = of_alert RETURNING * INTO a;
        PERFORM append_event(of_alert,
            CASE WHEN was.asked_at IS NULL AND was.again_at IS NULL THEN 'acknowledged_late' ELSE 'still_has_it' END,
            json_build_object('by', by_name, 'path', path));
    ELSE
        a := was;
        PERFORM append_event(of_alert, 'acknowledged_late', json_build_object('by', by_name, 'path', path));
    END IF;
    RETURN QUERY SELECT false, coalesce(a.acknowledged_by, a.resolved_by), coalesce(a.held_at, a.acknowledged_at, a.resolved_at), alert_state(a);
END $$;

CREATE FUNCTION ask_holder(of_alert uuid, answer_s double precision) RETURNS void LANGUAGE plpgsql AS $$
-- Whoever has it has said nothing for long: ask, by their first contact and on every screen.
DECLARE
    a alert;
BEGIN
    UPDATE alert SET asked_at = clock_timestamp(), decide_at = clock_timestamp() + answer_s * interval '1 s'
     WHERE alert_id = of_alert AND asked_at IS NULL AND can_fall_silent(alert) RETURNING * INTO a;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO notification (jurisdiction, alert_id, purpose, round, attempt, person_id, name, contact_id, method, address, language)
    SELECT a.jurisdiction, of_alert, 'ask', a.round, a.event_count, p.person_id, p.name, c.contact_id, c.method, c.address, p.language
      FROM person p JOIN contact c USING (person_id)
     WHERE p.person_id = a.acknowledged_person AND c.verified_at IS NOT NULL AND c.unreachable IS NULL
     ORDER BY c.address = a.acknowledged_phone DESC NULLS LAST, c.position LIMIT 1
    ON CONFLICT DO NOTHING;
    PERFORM append_event(of_alert, 'holder_asked', json_build_object('holder', a.acknowledged_by));
END $$;

CREATE FUNCTION climb_again(of_alert uuid) RETURNS void LANGUAGE plpgsql AS $$
-- Whoever has it was asked, and says nothing: everybody is told again, from tier 1.
DECLARE
    a alert;
BEGIN
    UPDATE alert
       SET again_at = clock_timestamp(), again_why = 'silent', round = round + 1, attempt = 0, attempted_at = clock_timestamp(),
           decide_at = clock_timestamp(), unanswered_at = NULL, stood_down_at = NULL
     WHERE alert_id = of_alert AND asked_at IS NOT NULL AND can_fall_silent(alert) RETURNING * INTO a;
    IF FOUND THEN
        PERFORM append_event(of_alert, 'climbs_again', json_build_object('holder', a.acknowledged_by, 'why', a.again_why));
    END IF;
END $$;

CREATE FUNCTION escalate_now(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- The next tier is wanted at once, whoever has it. False: there is no such alert that is open.
DECLARE
    was alert;
BEGIN
    SELECT * INTO was FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND resolved_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE alert
       SET hurried = true, decide_at = clock_timestamp(), stood_down_at = NULL, heard_at = clock_timestamp(), asked_at = NULL,
           again_at = CASE WHEN acknowledged_at IS NOT NULL THEN coalesce(again_at, clock_timestamp()) END,
           again_why = CASE WHEN acknowledged_at IS NOT NULL THEN coalesce(again_why, 'more_help') END
     WHERE alert_id = of_alert;
    PERFORM append_event(of_alert, 'escalated_now', json_build_object('by', by_name));
    RETURN true;
END $$;

CREATE FUNCTION offer(of_alert uuid, of_jurisdiction text, by_name text, to_person uuid) RETURNS text LANGUAGE plpgsql AS $$
-- Hand an alert over: the other is told, and has it once they say so; until then it stays where it is.
-- Gives 'offered', or what stands against it: 'no_alert', 'not_acknowledged', 'no_person', 'unreachable', 'has_it'.
DECLARE
    a      alert;
    other  person;
    rows   integer;
BEGIN
    SELECT * INTO a FROM alert WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND resolved_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'no_alert';
    ELSIF a.acknowledged_at IS NULL THEN
        RETURN 'not_acknowledged';
    ELSIF a.acknowledged_person = to_person THEN
        RETURN 'has_it';
    END IF;
    -- Whoever may not see an alert can't be given it (people/sight.py).
    SELECT * INTO other FROM person p WHERE p.person_id = to_person AND p.jurisdiction = of_jurisdiction
       AND coalesce(ends_at(p) > clock_timestamp(), true)
       AND p.role <> 'auditor' AND (a.drill OR p.role <> 'facilities');
    IF NOT FOUND THEN
        RETURN 'no_person';
    END IF;
    INSERT INTO notification (jurisdiction, alert_id, purpose, round, attempt, person_id, name, contact_id, method, address, language)
    SELECT a.jurisdiction, of_alert, 'hand_over', a.round, a.event_count, other.person_id, other.name, c.contact_id, c.method, c.address, other.language
      FROM contact c
     WHERE c.person_id = to_person AND c.verified_at IS NOT NULL AND c.unreachable IS NULL AND NOT (a.drill AND other.outside_agency)
     ORDER BY c.position LIMIT 1
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows = 0 AND other.password_hash IS NULL THEN
        RETURN 'unreachable';  -- neither a phone nor a screen
    END IF;
    UPDATE alert SET offered_to = to_person, offered_name = other.name, heard_at = clock_timestamp(), asked_at = NULL WHERE alert_id = of_alert;
    PERFORM append_event(of_alert, 'offered', json_build_object('by', by_name, 'to', other.name));
    RETURN 'offered';
END $$;

CREATE OR REPLACE FUNCTION respond(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- The holder says that somebody is on the way, and is silent no more. False: there is no such alert, or it can't be responded to.
BEGIN
    UPDATE alert SET responding_at = clock_timestamp(), heard_at = clock_timestamp(), asked_at = NULL,
                     again_at = CASE WHEN again_why = 'silent' THEN NULL ELSE again_at END,
                     decide_at = CASE WHEN again_why = 'silent' THEN clock_timestamp() ELSE decide_at END,
                     again_why = CASE WHEN again_why = 'silent' THEN NULL ELSE again_why END
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction
       AND acknowledged_at IS NOT NULL AND responding_at IS NULL AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'responding', json_build_object('by', by_name));
    RETURN true;
END $$;

CREATE FUNCTION arrive(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- Somebody is on scene. False: there is no such alert, or nobody has it yet, or somebody is there already.
BEGIN
    UPDATE alert SET on_scene_at = clock_timestamp(), responding_at = coalesce(responding_at, clock_timestamp()),
                     heard_at = clock_timestamp(), asked_at = NULL,
                     again_at = CASE WHEN again_why = 'silent' THEN NULL ELSE again_at END,
                     decide_at = CASE WHEN again_why = 'silent' THEN clock_timestamp() ELSE decide_at END,
                     again_why = CASE WHEN again_why = 'silent' THEN NULL ELSE again_why END
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction
       AND acknowledged_at IS NOT NULL AND on_scene_at IS NULL AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'on_scene', json_build_object('by', by_name));
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION resolve(of_alert uuid, of_jurisdiction text, by_name text, what text, note text) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Close an alert. Whoever resolves one that nobody had taken has thereby taken it.
BEGIN
    UPDATE alert SET resolved_at = clock_timestamp(), resolved_by = by_name, outcome = what, joinable = false,
                     acknowledged_at = coalesce(acknowledged_at, clock_timestamp()),
                     acknowledged_by = coalesce(acknowledged_by, by_name),
                     again_at = NULL, again_why = NULL, offered_to = NULL, offered_name = NULL, asked_at = NULL,
                     stood_down_at = CASE WHEN again_at IS NULL THEN stood_down_at END,
                     decide_at = CASE WHEN acknowledged_at IS NULL OR again_at IS NOT NULL THEN clock_timestamp() ELSE decide_at END
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'resolved', json_build_object('by', by_name, 'outcome', what, 'note', note));
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION make_actual(of_alert uuid, of_jurisdiction text, by_name text) RETURNS boolean LANGUAGE plpgsql AS $$
-- A drill becomes the real thing: it climbs from tier 1 again, now to everybody.
BEGIN
    UPDATE alert SET drill = false, joinable = false, round = round + 1, attempt = 0, attempted_at = clock_timestamp(), decide_at = clock_timestamp(),
                     unanswered_at = NULL, acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_person = NULL,
                     acknowledged_phone = NULL, responding_at = NULL, held_at = NULL, heard_at = NULL, asked_at = NULL,
                     on_scene_at = NULL, again_at = NULL, again_why = NULL, offered_to = NULL, offered_name = NULL, stood_down_at = NULL
     WHERE alert_id = of_alert AND jurisdiction = of_jurisdiction AND drill AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_event(of_alert, 'made_actual', json_build_object('by', by_name));
    RETURN true;
END $$;

-- Who is told depends on the kind, and one batch may hold several kinds of one button.
DO $$
DECLARE
    known text := pg_get_functiondef('store_presses'::regproc);
    was   text := 'd->''tiers'') j';
BEGIN
    ASSERT strpos(known, was) > 0, 'store_presses is another one than this migration expects';
    -- The release before gives one list for all kinds.
    EXECUTE replace(known, was, 'CASE jsonb_typeof(d->''tiers'') WHEN ''array'' THEN d->''tiers''
                    ELSE d->''tiers''->CASE WHEN g.kind = ''cancel'' THEN ''duress'' ELSE g.kind END END) j');
END $$;
