-- Telling people by whatever reaches them: the next contact of a person starts inside the same tier.

CREATE FUNCTION is_quiet(c contact, of_kind text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- Whether this contact wants to be left alone now. Never in danger, of which a cancel may be a sign.
$$ SELECT of_kind NOT IN ('duress', 'cancel', 'test') AND c.quiet_from IS NOT NULL AND (
       SELECT CASE WHEN c.quiet_from <= c.quiet_to THEN t >= c.quiet_from AND t < c.quiet_to
                   ELSE t >= c.quiet_from OR t < c.quiet_to END
         FROM (SELECT (clock_timestamp() AT TIME ZONE j.time_zone)::time AS t
                 FROM jurisdiction j WHERE j.jurisdiction = c.jurisdiction) AS here) $$;

CREATE OR REPLACE FUNCTION begin_attempt(of_alert uuid, from_attempt integer, next_attempt integer, next_tier integer,
                                         people jsonb, patience_s double precision, is_unanswered boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Move an alert on and leave its notifications pending, together. Nothing happens where somebody
-- acknowledged it, or another replica moved it on, in the meantime.
DECLARE
    a alert;
BEGIN
    UPDATE alert
       SET attempt = next_attempt, attempted_at = clock_timestamp(), hurried = false,
           decide_at = clock_timestamp() + patience_s * interval '1 s',
           unanswered_at = CASE WHEN is_unanswered THEN coalesce(unanswered_at, clock_timestamp()) END,
           joinable = joinable AND NOT is_unanswered
     WHERE alert_id = of_alert AND attempt = from_attempt AND resolved_at IS NULL
       AND (acknowledged_at IS NULL OR again_at IS NOT NULL)
    RETURNING * INTO a;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A page that could not be sent yet is superseded: nobody gets ten at once when the provider is back.
    UPDATE notification SET state = 'withdrawn', changed_at = clock_timestamp()
     WHERE alert_id = of_alert AND purpose = 'page' AND state = 'pending'
       AND person_id IN (SELECT p.person_id FROM jsonb_to_recordset(people) AS p(person_id uuid));
    INSERT INTO notification (jurisdiction, alert_id, purpose, round, attempt, tier, person_id, name, contact_id, method, address, language)
    SELECT a.jurisdiction, of_alert, 'page', a.round, next_attempt, next_tier, p.person_id, p.name, p.contact_id,
           coalesce(p.method, 'sms'), p.address, coalesce(p.language, 'en')
      FROM jsonb_to_recordset(people) AS p(person_id uuid, name text, contact_id uuid, method text, address text, language text)
    ON CONFLICT DO NOTHING;
    PERFORM append_event(of_alert, CASE WHEN jsonb_array_length(people) = 0 THEN 'nobody_to_tell' ELSE 'tier_told' END,
        json_build_object('attempt', next_attempt, 'tier', next_tier, 'unanswered', is_unanswered,
            'people', (SELECT coalesce(jsonb_agg(DISTINCT p->>'name'), '[]') FROM jsonb_array_elements(people) p)));
    RETURN true;
END $$;

CREATE FUNCTION fall_back(of_notification uuid, because text) RETURNS void LANGUAGE plpgsql AS $$
-- A page has failed, or nobody knows whether it arrived: the person's next contact starts, once, while
-- nobody has the alert. What the telephone provider has not taken it may not take by another method either:
-- then the next contact that does without it starts as well. The caller has locked the alert's row.
DECLARE
    n      notification;
    a      alert;
    tried  text;
BEGIN
    UPDATE notification SET fell_back = true WHERE notification_id = of_notification AND purpose = 'page' AND NOT fell_back
    RETURNING * INTO n;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO a FROM alert
     WHERE alert_id = n.alert_id AND resolved_at IS NULL AND (acknowledged_at IS NULL OR again_at IS NOT NULL);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR tried IN
        INSERT INTO notification (jurisdiction, alert_id, purpose, round, attempt, tier, person_id, name, contact_id, method, address, language)
        SELECT n.jurisdiction, n.alert_id, 'page', n.round, n.attempt, n.tier, n.person_id, n.name, contact_id, method, address, language
          FROM (SELECT c.contact_id, c.method, c.address, p.language, by_phone,
                       row_number() OVER (ORDER BY c.position, c.contact_id) AS place,
                       row_number() OVER (PARTITION BY by_phone ORDER BY c.position, c.contact_id) AS place_beside
                  FROM contact c JOIN person p USING (person_id), LATERAL (SELECT c.method IN ('sms', 'voice') AS by_phone) AS b
                 WHERE c.person_id = n.person_id AND c.verified_at IS NOT NULL AND c.unreachable IS NULL AND NOT is_quiet(c, a.kind)
                   AND coalesce(ends_at(p) > clock_timestamp(), true)
                   AND NOT EXISTS (SELECT FROM notification o
                                    WHERE o.alert_id = n.alert_id AND o.purpose = 'page' AND o.round = n.round AND o.attempt = n.attempt
                                      AND o.person_id = n.person_id AND o.method = c.method AND o.address = c.address)) AS left_
         WHERE place = 1
            OR n.method IN ('sms', 'voice') AND n.state IN ('pending', 'sending') AND NOT by_phone AND place_beside = 1
         ORDER BY place
        ON CONFLICT DO NOTHING
        RETURNING method
    LOOP
        PERFORM append_event(n.alert_id, 'next_method',
            json_build_object('to', n.name, 'from', n.method, 'method', tried, 'because', because));
    END LOOP;
END $$;

CREATE FUNCTION fall_back_unreported(no_report_s double precision, ringing_rank integer) RETURNS double precision LANGUAGE plpgsql AS $$
-- No word of a page for so long: the person's next contact starts. A phone that rings is a word. Gives the
-- seconds until the next page is that old, null where there is none.
DECLARE
    late   record;
    next_s double precision;
BEGIN
    FOR late IN
        SELECT n.notification_id FROM notification n JOIN alert a USING (alert_id)
         WHERE n.purpose = 'page' AND NOT n.fell_back AND n.state IN ('pending', 'sending', 'accepted')
           AND n.created_at NOT BETWEEN clock_timestamp() - no_report_s * interval '1 s' AND clock_timestamp()
           AND NOT (n.method = 'voice' AND n.provider_rank >= ringing_rank)
         ORDER BY a.device_id, a.kind, a.drill, a.alert_id, n.notification_id
         LIMIT 200
           FOR NO KEY UPDATE OF a
    LOOP
        PERFORM fall_back(late.notification_id, 'no report');
    END LOOP;
    SELECT extract(epoch FROM min(created_at) - clock_timestamp()) + no_report_s INTO next_s
      FROM notification n
     WHERE n.purpose = 'page' AND NOT n.fell_back AND n.state IN ('pending', 'sending', 'accepted')
       AND NOT (n.method = 'voice' AND n.provider_rank >= ringing_rank);
    RETURN next_s;
END $$;

CREATE FUNCTION mark_unreachable(of_notification uuid, why text) RETURNS void LANGUAGE sql AS $$
-- Nothing arrives at this contact, and nothing will: it is shown where a policy is edited.
UPDATE contact c SET unreachable = why, unreachable_at = clock_timestamp()
  FROM notification n
 WHERE n.notification_id = of_notification AND why IS NOT NULL AND c.unreachable IS NULL
   AND (c.contact_id = n.contact_id OR n.contact_id IS NULL AND c.method = n.method AND c.address = n.address)
$$;

DROP FUNCTION record_failure(uuid, text, double precision);
CREATE FUNCTION record_failure(of_notification uuid, problem text, retry_s double precision, why_unreachable text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
-- A send went wrong: try again after `retry_s`, or, where that is null, never. Meanwhile the next contact starts.
DECLARE
    n notification;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    UPDATE notification
       SET state = CASE WHEN retry_s IS NULL THEN 'failed' ELSE 'pending' END, error = problem, lease_until = NULL,
           due_at = clock_timestamp() + coalesce(retry_s, 0) * interval '1 s', changed_at = clock_timestamp()
     WHERE notification_id = of_notification AND state = 'sending' RETURNING * INTO n;
    IF FOUND THEN
        PERFORM mark_unreachable(of_notification, why_unreachable);
        IF n.alert_id IS NOT NULL THEN
            PERFORM append_event(n.alert_id, 'notification_failed',
                json_build_object('to', n.name, 'method', n.method, 'error', problem, 'retry_s', retry_s, 'tries', n.tries));
            PERFORM fall_back(of_notification, problem);
        END IF;
    END IF;
END $$;

DROP FUNCTION record_report(uuid, text, integer, text, text);
CREATE FUNCTION record_report(of_notification uuid, provider_status text, rank integer, new_state text, problem text,
                              why_unreachable text DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
-- A report of the provider, out of order, doubled or late: kept raw, and it only ever moves forward.
DECLARE
    n notification;
BEGIN
    -- The alert's row first, here as everywhere: a fixed order of locks can't deadlock.
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM notification WHERE notification_id = of_notification) THEN
        RETURN false;
    END IF;
    INSERT INTO provider_report (notification_id, status, error_code)
    SELECT of_notification, provider_status, problem
      -- Of a message there are ten or so; whoever replays them fills no disk.
     WHERE (SELECT count(*) FROM provider_report WHERE notification_id = of_notification) < 100;
    UPDATE notification
       SET provider_rank = rank, state = new_state, error = problem, changed_at = clock_timestamp(), lease_until = NULL
     WHERE notification_id = of_notification AND provider_rank < rank RETURNING * INTO n;
    IF FOUND THEN
        PERFORM mark_unreachable(of_notification, why_unreachable);
        IF n.alert_id IS NOT NULL THEN
            IF n.purpose = 'page' AND new_state = 'delivered' THEN
                UPDATE alert SET delivered_at = coalesce(delivered_at, clock_timestamp()) WHERE alert_id = n.alert_id;
            END IF;
            PERFORM append_event(n.alert_id, 'notification_' || new_state,
                json_build_object('to', n.name, 'method', n.method, 'purpose', n.purpose,
                                  'status', provider_status, 'error', problem));
            IF new_state IN ('undelivered', 'failed') THEN
                PERFORM fall_back(of_notification, problem);
                IF n.method = 'voice' AND n.withdraw_at IS NULL THEN
                    PERFORM tell_who_has_it(n.alert_id, of_notification);  -- they hung up as somebody took it
                END IF;
            END IF;
        END IF;
    END IF;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION record_accepted(of_notification uuid, provider_message text) RETURNS void LANGUAGE plpgsql AS $$
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
        PERFORM tell_who_has_it(n.alert_id, of_notification);
    END IF;
    PERFORM append_event(n.alert_id, 'notification_accepted',
        json_build_object('to', n.name, 'method', n.method, 'purpose', n.purpose, 'tries', n.tries));
END $$;

CREATE FUNCTION record_keyed(of_notification uuid, passes_on boolean) RETURNS boolean LANGUAGE plpgsql AS $$
-- A human has this page before them, and did something with it: `passes_on`, or else took it, or asked to
-- hear it again. False: there is no such page.
DECLARE
    n notification;
BEGIN
    PERFORM FROM alert WHERE alert_id = (SELECT alert_id FROM notification WHERE notification_id = of_notification) FOR NO KEY UPDATE;
    UPDATE notification
       SET state = CASE WHEN passes_on THEN 'declined' ELSE 'delivered' END, provider_rank = greatest(provider_rank, 9),
           error = NULL, fell_back = fell_back OR passes_on, lease_until = NULL, withdraw_at = NULL, changed_at = clock_timestamp()
     WHERE notification_id = of_notification AND alert_id IS NOT NULL AND purpose IN ('page', 'hand_over')
       AND state IS DISTINCT FROM CASE WHEN passes_on THEN 'declined' ELSE 'delivered' END
    RETURNING * INTO n;
    IF NOT FOUND THEN
        RETURN EXISTS (SELECT FROM notification WHERE notification_id = of_notification AND alert_id IS NOT NULL);
    END IF;
    IF passes_on THEN
        -- Whoever can't take it isn't asked by yet another method, and gives the next tier their time. That a
        -- text has arrived meanwhile, as a late report says, changes nothing; another phone of theirs stops ringing.
        UPDATE notification SET state = 'withdrawn', fell_back = true, changed_at = clock_timestamp()
         WHERE alert_id = n.alert_id AND purpose = 'page' AND round = n.round AND attempt = n.attempt
           AND person_id = n.person_id AND state = 'pending';
        UPDATE notification
           SET withdraw_at = CASE WHEN method = 'voice' AND state <> 'delivered' THEN clock_timestamp() END,
               state = 'declined', provider_rank = greatest(provider_rank, 8), fell_back = true, changed_at = clock_timestamp()
         WHERE alert_id = n.alert_id AND purpose = 'page' AND round = n.round AND attempt = n.attempt
           AND person_id = n.person_id AND state IN ('sending', 'accepted', 'delivered');
        UPDATE alert SET offered_to = NULL, offered_name = NULL
         WHERE alert_id = n.alert_id AND n.purpose = 'hand_over' AND offered_to = n.person_id;
        -- The last of a tier who could have taken it can't: the next tier is due.
        UPDATE alert a SET decide_at = least(decide_at, clock_timestamp())
         WHERE a.alert_id = n.alert_id AND decide_at IS NOT NULL AND wants_help(a)
           AND NOT EXISTS (SELECT FROM notification o
                            WHERE o.alert_id = a.alert_id AND o.purpose = 'page' AND o.round = a.round AND o.attempt = a.attempt
                              AND o.state NOT IN ('failed', 'undelivered', 'declined', 'withdrawn'));
    END IF;
    IF n.purpose = 'page' THEN
        UPDATE alert SET delivered_at = coalesce(delivered_at, clock_timestamp()) WHERE alert_id = n.alert_id;
    END IF;
    PERFORM append_event(n.alert_id, CASE WHEN passes_on THEN 'passed_on' ELSE 'notification_delivered' END,
        json_build_object('to', n.name, 'method', n.method, 'purpose', n.purpose));
    RETURN true;
END $$;
