-- name: acknowledge(alert_id, jurisdiction, person_id, name, path, phone, only_drills)^
-- The first one wins; no row: no such alert. `before` is who had it when this was asked.
-- The row is locked as it is looked at: a drill that is made real in this moment is none any more.
SELECT done.won, done.acknowledged_by, done.acknowledged_at, done.state,
       (SELECT acknowledged_person FROM alert WHERE alert_id = :alert_id) AS before
  FROM (SELECT alert_id FROM alert
         WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction AND (drill OR NOT :only_drills::boolean)
           FOR NO KEY UPDATE) AS seen
 CROSS JOIN LATERAL acknowledge(seen.alert_id, :jurisdiction, :person_id, :name, :path, :phone) AS done;

-- name: respond(alert_id, jurisdiction, name)$
SELECT respond(:alert_id, :jurisdiction, :name);

-- name: resolve(alert_id, jurisdiction, name, outcome, note, only_drills)$
-- Null: no such alert. Locked as above.
SELECT resolve(seen.alert_id, :jurisdiction, :name, :outcome, :note)
  FROM (SELECT alert_id FROM alert
         WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction AND (drill OR NOT :only_drills::boolean)
           FOR NO KEY UPDATE) AS seen;

-- name: make_actual(alert_id, jurisdiction, name)$
SELECT make_actual(:alert_id, :jurisdiction, :name);

-- name: add_note(alert_id, jurisdiction, name, note)^
-- No row: no such alert.
SELECT append_event(alert_id, 'noted', json_build_object('by', :name::text, 'note', :note::text))::text AS noted
  FROM alert WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction;

-- name: standing(alert_id, jurisdiction)^
SELECT alert_state(a) AS state, drill, acknowledged_by, resolved_by FROM alert a
 WHERE alert_id = :alert_id AND jurisdiction = :jurisdiction;

-- name: arrive(alert_id, jurisdiction, name)$
SELECT arrive(:alert_id, :jurisdiction, :name);

-- name: escalate_now(alert_id, jurisdiction, name)$
SELECT escalate_now(:alert_id, :jurisdiction, :name);

-- name: offer(alert_id, jurisdiction, name, to_person)$
SELECT offer(:alert_id, :jurisdiction, :name, :to_person);

-- name: record_keyed(notification_id, passes_on)$
SELECT record_keyed(:notification_id, :passes_on);

-- name: of_message(link_key, notification_id)^
-- The alert that a message asks about, and whom it was sent to; by the key of its page, or by its id.
SELECT n.notification_id, n.alert_id, n.jurisdiction, n.person_id, n.name, n.address, n.language, n.method,
       a.resolved_at IS NOT NULL AS resolved, j.time_zone, coalesce(ends_at(p) <= clock_timestamp(), false) AS has_ended
  FROM notification n JOIN alert a USING (alert_id) JOIN jurisdiction j ON j.jurisdiction = n.jurisdiction
  JOIN person p ON p.person_id = n.person_id
 WHERE (n.link_key = :link_key::uuid OR n.notification_id = :notification_id::uuid) AND n.purpose IN ('page', 'hand_over', 'ask');

-- name: by_code(jurisdictions, code)^
-- The alert of a code: the open one, however old, else the one resolved in the last day.
SELECT alert_id, jurisdiction, alert_state(a) AS state, kind, drill, place::text AS place,
       (SELECT j.time_zone FROM jurisdiction j WHERE j.jurisdiction = a.jurisdiction) AS time_zone
  FROM alert a
 WHERE jurisdiction = ANY (:jurisdictions::text[]) AND code = :code
   AND (resolved_at IS NULL OR resolved_at > clock_timestamp() - interval '1 day')
 ORDER BY resolved_at IS NULL DESC, pressed_at DESC LIMIT 1;

-- name: open_for(phone, jurisdictions)
-- Alerts that this number was paged about and that nobody has, or that are offered to whoever has it.
SELECT DISTINCT a.alert_id, a.jurisdiction, a.code, a.pressed_at, j.time_zone
  FROM alert a JOIN notification n USING (alert_id) JOIN jurisdiction j ON j.jurisdiction = a.jurisdiction
 WHERE n.address = :phone AND a.jurisdiction = ANY (:jurisdictions::text[])
   AND (n.purpose = 'page' AND wants_help(a) OR n.purpose = 'hand_over' AND a.offered_to = n.person_id AND a.resolved_at IS NULL
        OR n.purpose = 'ask' AND a.asked_at IS NOT NULL AND a.resolved_at IS NULL)
 ORDER BY a.pressed_at DESC LIMIT 10;

-- name: last_told(phone, jurisdictions)^
-- The alert that this number was paged about last, whatever has become of it since.
SELECT a.code, alert_state(a) AS state, a.kind, a.drill, a.place::text AS place,
       a.acknowledged_by, a.acknowledged_person, coalesce(a.held_at, a.acknowledged_at) AS held_at, j.time_zone
  FROM alert a JOIN notification n USING (alert_id) JOIN jurisdiction j ON j.jurisdiction = a.jurisdiction
 WHERE n.address = :phone AND n.purpose = 'page' AND a.jurisdiction = ANY (:jurisdictions::text[])
   AND n.created_at > clock_timestamp() - interval '1 day'
 ORDER BY n.created_at DESC LIMIT 1;

-- name: claim_text(message_id, lease_s)^
-- No row: it was dealt with, or another replica is at it. Whoever replays a text that is older than a
-- year has had to keep it for a year.
WITH swept AS (DELETE FROM answered_text WHERE at < clock_timestamp() - interval '1 year')
INSERT INTO answered_text AS t (message_id, done) VALUES (:message_id, false)
    ON CONFLICT (message_id) DO UPDATE SET at = clock_timestamp()
 WHERE NOT t.done AND t.at < clock_timestamp() - :lease_s::double precision * interval '1 s'
RETURNING message_id;

-- name: finish_text(message_id)!
UPDATE answered_text SET done = true WHERE message_id = :message_id;

-- name: release_text(message_id)!
DELETE FROM answered_text WHERE message_id = :message_id AND NOT done;

-- name: wrong_codes(phone)$
SELECT count(*) FROM wrong_code WHERE phone = :phone AND at > clock_timestamp() - interval '10 minutes';

-- name: add_wrong_code(phone)!
-- What is older than a day serves nobody.
WITH swept AS (DELETE FROM wrong_code WHERE at < clock_timestamp() - interval '1 day')
INSERT INTO wrong_code (phone) VALUES (:phone);
