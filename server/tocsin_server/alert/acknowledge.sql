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

-- name: by_code(jurisdictions, code)^
-- The alert of a code: the open one, however old, else the one resolved in the last day.
SELECT alert_id, jurisdiction, alert_state(a) AS state, kind, drill, place::text AS place FROM alert a
 WHERE jurisdiction = ANY (:jurisdictions::text[]) AND code = :code
   AND (resolved_at IS NULL OR resolved_at > clock_timestamp() - interval '1 day')
 ORDER BY resolved_at IS NULL DESC, pressed_at DESC LIMIT 1;

-- name: open_for(phone, jurisdictions)
-- Alerts that this number was paged about and that nobody has yet.
SELECT DISTINCT a.alert_id, a.jurisdiction, a.code, a.pressed_at FROM alert a JOIN notification n USING (alert_id)
 WHERE n.address = :phone AND n.purpose = 'page' AND a.jurisdiction = ANY (:jurisdictions::text[])
   AND a.acknowledged_at IS NULL AND a.resolved_at IS NULL
 ORDER BY a.pressed_at DESC LIMIT 10;

-- name: last_told(phone, jurisdictions)^
-- The alert that this number was paged about last, whatever has become of it since.
SELECT a.code, alert_state(a) AS state, a.kind, a.drill, a.place::text AS place,
       a.acknowledged_by, a.acknowledged_person, a.acknowledged_at
  FROM alert a JOIN notification n USING (alert_id)
 WHERE n.address = :phone AND n.purpose = 'page' AND a.jurisdiction = ANY (:jurisdictions::text[])
   AND n.created_at > clock_timestamp() - interval '1 day'
 ORDER BY n.created_at DESC LIMIT 1;

-- name: is_answered(message_id)$
SELECT EXISTS (SELECT FROM answered_text WHERE message_id = :message_id);

-- name: add_answered(message_id)!
-- Whoever replays a text that is older than a year has had to keep it for a year.
WITH swept AS (DELETE FROM answered_text WHERE at < clock_timestamp() - interval '1 year')
INSERT INTO answered_text (message_id) VALUES (:message_id) ON CONFLICT DO NOTHING;

-- name: wrong_codes(phone)$
SELECT count(*) FROM wrong_code WHERE phone = :phone AND at > clock_timestamp() - interval '10 minutes';

-- name: add_wrong_code(phone)!
-- What is older than a day serves nobody.
WITH swept AS (DELETE FROM wrong_code WHERE at < clock_timestamp() - interval '1 day')
INSERT INTO wrong_code (phone) VALUES (:phone);
