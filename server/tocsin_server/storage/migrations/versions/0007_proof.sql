-- How often a jurisdiction has its buttons proven, and the walk test, in which somebody goes round and
-- presses each.

ALTER TABLE jurisdiction
    ADD COLUMN proof_every       text DEFAULT 'month' CHECK (proof_every IN ('day', 'week', 'month')),
    ADD COLUMN elections         date[] NOT NULL DEFAULT '{}',
    ADD COLUMN proof_days_before integer NOT NULL DEFAULT 7 CHECK (proof_days_before BETWEEN 1 AND 60);

-- A site's drill window that is a walk test: in it, only the first press of each button is a drill.
CREATE TABLE walk_test (
    drill_id    uuid PRIMARY KEY REFERENCES drill_window,
    ended_by    text,                              -- null: its time was over
    finished_at timestamptz                        -- when what is below was written down for the file
);

-- A button of a walk test: the press that counted, and how the button stood at the end.
CREATE TABLE walk_button (
    drill_id  uuid NOT NULL REFERENCES walk_test,
    device_id text NOT NULL REFERENCES device,
    press_id  uuid,                                -- null: not pressed
    gesture   text,
    boot_id   uuid,
    seq       integer,
    building  text,
    floor     text,
    room      text,
    spot      text,
    firmware  text,
    condition text,
    PRIMARY KEY (drill_id, device_id)
);
CREATE INDEX walk_button_device ON walk_button (device_id);

CREATE FUNCTION walk_press_continued(of_device text, of_boot uuid, of_seq integer, of_gesture text)
RETURNS uuid LANGUAGE sql STABLE AS
-- Whoever keeps a button down has pressed it once: the hold that follows a press is a part of it, in
-- whichever order the two arrive.
$$ SELECT press_id FROM walk_button
    WHERE device_id = of_device AND boot_id = of_boot
      AND (of_gesture = 'hold' AND gesture = 'press' AND seq = of_seq - 1
           OR of_gesture = 'press' AND gesture = 'hold' AND seq = of_seq + 1) $$;

CREATE FUNCTION counts_as_drill(of_device text, of_site uuid, of_press uuid, of_kind text, of_gesture text,
                                of_cancels uuid, of_boot uuid, of_seq integer, at_time timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
-- Whether the server's half of a drill holds for a press whose button says that it is one. In a walk test
-- that is so once for each button: one upsert decides, so two replicas can't both call theirs the first.
DECLARE
    own      boolean;
    walk     uuid;
    is_first boolean;
BEGIN
    IF walk_press_continued(of_device, of_boot, of_seq, of_gesture) IS NOT NULL THEN
        RETURN true;
    END IF;
    own := EXISTS (SELECT FROM drill_window w WHERE w.device_id = of_device AND at_time BETWEEN w.opened_at AND w.closes_at);
    SELECT w.drill_id INTO walk FROM drill_window w JOIN walk_test t USING (drill_id)
     WHERE w.site_id = of_site AND at_time BETWEEN w.opened_at AND w.closes_at LIMIT 1;
    IF walk IS NULL THEN
        RETURN own OR EXISTS (SELECT FROM drill_window w WHERE w.site_id = of_site
                                 AND at_time BETWEEN w.opened_at AND w.closes_at);
    END IF;
    -- Opening the case tests nothing, and a press that is known was none of this walk test.
    IF of_kind NOT IN ('tamper', 'cancel')
       AND NOT EXISTS (SELECT FROM press WHERE device_id = of_device AND press_id = of_press) THEN
        INSERT INTO walk_button AS b (drill_id, device_id, press_id, gesture, boot_id, seq)
        VALUES (walk, of_device, of_press, of_gesture, of_boot, of_seq)
        ON CONFLICT (drill_id, device_id) DO UPDATE
            SET (press_id, gesture, boot_id, seq) = (excluded.press_id, excluded.gesture, excluded.boot_id, excluded.seq)
          WHERE b.press_id IS NULL;
        is_first := FOUND;
    END IF;
    IF is_first THEN
        PERFORM pg_notify('tocsin_walk_test', of_device);
        RETURN true;
    END IF;
    RETURN own OR EXISTS (SELECT FROM walk_button b WHERE b.drill_id = walk AND b.device_id = of_device
                             AND b.press_id = CASE of_kind WHEN 'cancel' THEN of_cancels ELSE of_press END)
        -- Asked once more: another replica may have stored the press meanwhile that this hold belongs to.
        OR walk_press_continued(of_device, of_boot, of_seq, of_gesture) IS NOT NULL;
END $$;

-- Two places of that long function are exchanged where they stand, so that the rest of it is written in
-- one place: what makes a press a drill, and the alert that a hold belongs to.
DO $$
DECLARE
    known text := pg_get_functiondef('store_presses'::regproc);
    was   text := 's.said_drill AND EXISTS (
                       SELECT FROM drill_window w WHERE (w.site_id = (devices->s.device_id->>''site_id'')::uuid OR w.device_id = s.device_id)
                          AND s.pressed_at BETWEEN w.opened_at AND w.closes_at),';
    to_be text := 'CASE WHEN s.said_drill THEN counts_as_drill(
                       s.device_id, (devices->s.device_id->>''site_id'')::uuid, s.press_id, s.kind, s.gesture,
                       s.cancels, s.boot_id, s.seq, s.pressed_at) ELSE false END,';
    held  text := 'CASE WHEN i.kind = ''cancel'' THEN i.cancels END AS cancels,';
    joins text := 'CASE WHEN i.kind = ''cancel'' THEN i.cancels
                    WHEN i.drill THEN walk_press_continued(i.device_id, i.boot_id, i.seq, i.gesture) END AS cancels,';
BEGIN
    ASSERT strpos(known, was) > 0 AND strpos(known, held) > 0, 'store_presses is another one than this migration expects';
    known := replace(replace(known, was, to_be), held, joins);
    EXECUTE replace(known, 'but no drill is open at this site', 'but it is none here');
END $$;

CREATE OR REPLACE FUNCTION proves_button(a alert) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
-- Whoever pressed it stands beside it, to see it acknowledged: at first nobody is told of that.
$$ SELECT a.drill AND (
       EXISTS (SELECT FROM drill_window w WHERE w.device_id = a.device_id
                  AND a.pressed_at BETWEEN w.opened_at AND w.closes_at)
       OR EXISTS (SELECT FROM walk_button b JOIN press p USING (device_id, press_id)
                   WHERE b.device_id = a.device_id AND p.alert_id = a.alert_id)) $$;

-- While it is told to nobody there is no next tier that a screen could count down to.
DO $$
DECLARE
    known text := pg_get_functiondef('alert_view'::regproc);
    was   text := 'a.resolved_at IS NULL THEN wire_time(a.decide_at)';
BEGIN
    ASSERT strpos(known, was) > 0, 'alert_view is another one than this migration expects';
    EXECUTE replace(known, was, 'a.resolved_at IS NULL AND NOT (a.drill AND a.attempt = 0 AND proves_button(a)) THEN wire_time(a.decide_at)');
END $$;

CREATE FUNCTION start_walk_test(of_jurisdiction text, of_site uuid, for_minutes integer, by_name text,
                                OUT drill uuid, OUT joined boolean, OUT drill_by text, OUT drill_left_s double precision)
LANGUAGE plpgsql AS $$
-- One walk test for a site: whoever starts a second one joins the first. `drill_by`: an ordinary drill is
-- open there, and nothing was done. All null: no such site.
DECLARE
    now_ timestamptz;
BEGIN
    PERFORM FROM site WHERE site_id = of_site AND jurisdiction = of_jurisdiction FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    now_ := clock_timestamp();
    SELECT w.drill_id INTO drill FROM drill_window w JOIN walk_test t USING (drill_id)
     WHERE w.site_id = of_site AND w.closes_at > now_ LIMIT 1;
    joined := FOUND;
    IF joined THEN
        RETURN;
    END IF;
    SELECT w.opened_by, extract(epoch FROM w.closes_at - now_) INTO drill_by, drill_left_s
      FROM drill_window w WHERE w.site_id = of_site AND w.closes_at > now_ ORDER BY w.closes_at DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO drill_window (jurisdiction, site_id, opened_by, opened_at, closes_at)
    VALUES (of_jurisdiction, of_site, by_name, now_, now_ + for_minutes * interval '1 minute') RETURNING drill_id INTO drill;
    INSERT INTO walk_test (drill_id) VALUES (drill);
END $$;

CREATE FUNCTION finish_walk_test(of_drill uuid, by_name text) RETURNS void LANGUAGE plpgsql AS $$
-- Once it is over: write down for the file which buttons there were, and close the tests that somebody has
-- acknowledged. A test that nobody has acknowledged stays open. Safe to repeat.
BEGIN
    -- Not FOR UPDATE: a press that is stored in this moment needs the key of this row, and must not wait.
    PERFORM FROM walk_test WHERE drill_id = of_drill FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM walk_test WHERE drill_id = of_drill AND finished_at IS NULL) THEN
        INSERT INTO walk_button (drill_id, device_id, building, floor, room, spot, firmware, condition)
        SELECT w.drill_id, d.device_id, p.building, p.floor, p.room, p.spot, h.heartbeat->>'firmware', h.condition
          FROM drill_window w JOIN place p USING (site_id) JOIN device d USING (place_id) LEFT JOIN device_health h ON h.device_id = d.device_id
         WHERE w.drill_id = of_drill AND d.state = 'active'
         ORDER BY d.device_id
        ON CONFLICT (drill_id, device_id) DO UPDATE
            SET (building, floor, room, spot, firmware, condition)
              = (excluded.building, excluded.floor, excluded.room, excluded.spot, excluded.firmware, excluded.condition);
        UPDATE walk_test SET finished_at = clock_timestamp(), ended_by = by_name WHERE drill_id = of_drill;
    END IF;
    PERFORM resolve(a.alert_id, a.jurisdiction, coalesce(by_name, a.acknowledged_by), 'test', 'walk test')
       FROM (SELECT a.* FROM walk_button b JOIN press p USING (device_id, press_id) JOIN alert a USING (alert_id)
              WHERE b.drill_id = of_drill AND a.drill AND a.acknowledged_at IS NOT NULL AND a.resolved_at IS NULL
              ORDER BY a.device_id, a.kind, a.drill, a.alert_id
                FOR NO KEY UPDATE OF a) a;  -- a drill that is made real in this moment is none any more
END $$;

CREATE FUNCTION end_walk_test(of_jurisdiction text, of_site uuid, by_name text) RETURNS uuid LANGUAGE plpgsql AS $$
-- End the site's walk test, and finish it; one that was over before is finished again. Null: there never was one.
DECLARE
    walk uuid;
    was_open boolean;
BEGIN
    SELECT w.drill_id, w.closes_at > clock_timestamp() INTO walk, was_open
      FROM drill_window w JOIN walk_test t USING (drill_id)
     WHERE w.site_id = of_site AND w.jurisdiction = of_jurisdiction ORDER BY w.opened_at DESC LIMIT 1;
    IF was_open THEN
        UPDATE drill_window SET closes_at = clock_timestamp() WHERE drill_id = walk AND closes_at > clock_timestamp();
    END IF;
    IF walk IS NOT NULL THEN
        PERFORM finish_walk_test(walk, CASE WHEN was_open THEN by_name END);
    END IF;
    RETURN walk;
END $$;
