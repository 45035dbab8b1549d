-- name: add_sites(jurisdiction, sites)!
INSERT INTO site (jurisdiction, name, address, county, state, time_zone)
SELECT :jurisdiction, 'Polling place ' || n, n || ' Main Street', 'Travis County', 'TX', 'America/Chicago'
  FROM generate_series(1, :sites::integer) n;

-- name: allow_by_person(jurisdiction)!
WITH allowed AS (UPDATE jurisdiction SET latency_by_person = true WHERE jurisdiction = :jurisdiction RETURNING jurisdiction)
INSERT INTO latency_by_person_change (jurisdiction, by, allowed) SELECT jurisdiction, 'tocsin bench', true FROM allowed;

-- name: add_alerts(jurisdiction, days, alerts, first, last)!
-- Alerts that are over, evenly over so many days. Seventeen of twenty are drills, one of a hundred is never
-- acknowledged, and it takes 12 seconds on the average. What a press, a page, an acknowledgement, a note and the end
-- leave behind is there, too.
WITH told AS (
    SELECT array_agg(name ORDER BY name) AS people FROM person WHERE jurisdiction = :jurisdiction
), where_ AS (
    SELECT site_id, name, address, county, row_number() OVER (ORDER BY site_id)::integer AS n, count(*) OVER ()::integer AS sites
      FROM site WHERE jurisdiction = :jurisdiction AND name LIKE 'Polling place %'
), drawn AS MATERIALIZED (
    SELECT i, t, is_drill, told.people[1 + i % cardinality(told.people)] AS who,
           CASE WHEN random() >= 0.01 THEN t + interval '2 s' - interval '10 s' * ln(1 - random()) END AS taken,
           -- RFC 9562, section 5.7, as uuid7() of that moment.
           encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
               substring(int8send((extract(epoch FROM t) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid AS alert_id,
           s.site_id, json_build_object('site_id', s.site_id, 'site', s.name, 'building', 'Main building', 'floor', '1',
               'room', 'Room ' || (i / s.sites) % 40, 'spot', 'Under the desk', 'address', s.address, 'county', s.county,
               'state', 'TX', 'time_zone', 'America/Chicago') AS place,
           'btn-' || lpad(((i % s.sites) * 40 + (i / s.sites) % 40)::text, 10, '0') AS device_id
      FROM generate_series(:first::integer, :last::integer) i
     CROSS JOIN told
     CROSS JOIN LATERAL (SELECT clock_timestamp() - :days * interval '1 day' * (:alerts - i) / :alerts::double precision AS t, i % 20 < 17 AS is_drill) m
      JOIN where_ s ON s.n = 1 + i % s.sites
), alerts AS (
    INSERT INTO alert (alert_id, jurisdiction, device_id, kind, drill, code, presses, place, tiers, pressed_at, received_at, stored_at,
                       shown_at, accepted_at, delivered_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by, outcome,
                       attempt, attempted_at, joinable, event_count)
    SELECT alert_id, :jurisdiction, device_id, CASE WHEN i % 10 < 7 THEN 'duress' WHEN i % 10 < 9 THEN 'assist' ELSE 'tamper' END,
           is_drill, lpad((i % 10000)::text, 4, '0'), 1, place, '[{"patience_s": 30, "people": []}]', t,
           t + random() * interval '80 ms', t + interval '2 ms' + random() * interval '80 ms', t + random() * interval '300 ms',
           t + random() * interval '2 s', t + random() * interval '8 s', taken, CASE WHEN taken IS NOT NULL THEN who END,
           coalesce(taken, t) + random() * interval '30 min', who,
           CASE WHEN is_drill THEN 'test' WHEN i % 3 = 0 THEN 'actual' WHEN i % 3 = 1 THEN 'false_alarm' ELSE 'unknown' END,
           1, t, false, 5
      FROM drawn
    RETURNING alert_id
), events AS (
    INSERT INTO alert_event (alert_id, n, at, name, payload, digest, chain)
    SELECT alert_id, n, t + n * interval '1 s', name, payload, sha256(convert_to(payload::text, 'UTF8')), sha256(uuid_send(alert_id))
      FROM drawn
     CROSS JOIN LATERAL (VALUES
           (1, 'pressed', json_build_object('kind', 'duress', 'drill', is_drill, 'place', place)),
           (2, 'tier_told', json_build_object('attempt', 1, 'tier', 1, 'people', json_build_array(who))),
           (3, 'acknowledged', json_build_object('by', who, 'path', 'console')),
           (4, 'noted', json_build_object('by', who, 'note', CASE WHEN i % 997 = 0 THEN 'A dog ran against the desk' ELSE 'Called back, all is well' END)),
           (5, 'resolved', json_build_object('by', who, 'outcome', 'test', 'note', ''))) AS e (n, name, payload)
     WHERE n <> 3 OR taken IS NOT NULL
)
INSERT INTO notification (jurisdiction, alert_id, purpose, attempt, tier, person_id, name, address, state, created_at, changed_at, fell_back)
SELECT :jurisdiction, d.alert_id, 'page', 1, 1, p.person_id, p.name, '+15125550111', 'delivered', d.t, d.t, true
  FROM drawn d JOIN (SELECT * FROM person WHERE jurisdiction = :jurisdiction AND role IN ('dispatcher', 'supervisor')) p ON true;

-- name: fill_past(jurisdiction, from_at)!
-- As the migration does it for what was there before.
INSERT INTO alert_past
SELECT p.* FROM alert a CROSS JOIN LATERAL past_of(a, true) AS p
 WHERE a.jurisdiction = :jurisdiction AND a.pressed_at > :from_at
ON CONFLICT DO NOTHING;

-- name: last(jurisdiction)$
SELECT coalesce(max(pressed_at), '-infinity') FROM alert WHERE jurisdiction = :jurisdiction;

-- name: some(jurisdiction)^
-- An alert from the middle of them, and a site that has some.
SELECT alert_id, site_id
  FROM alert_past
 WHERE jurisdiction = :jurisdiction
 ORDER BY pressed_at DESC OFFSET (SELECT count(*) / 2 FROM alert_past) LIMIT 1;
