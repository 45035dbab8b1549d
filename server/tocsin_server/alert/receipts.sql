-- name: presses_of(alert_ids, presses_max)
-- The newest presses of each alert, with what has become of it.
SELECT p.jurisdiction, p.device_id, p.press_id, a.alert_id, a.drill,
       CASE alert_state(a) WHEN 'open' THEN 'stored' ELSE alert_state(a) END AS state
  FROM alert a
 CROSS JOIN LATERAL (SELECT * FROM press WHERE alert_id = a.alert_id
                      ORDER BY received_at DESC LIMIT :presses_max::integer) p
 WHERE a.alert_id = ANY (:alert_ids::uuid[]);

-- name: states_of(jurisdiction, device_id, press_ids)
-- What has become of presses that a button still keeps.
SELECT p.press_id, a.alert_id, a.drill,
       CASE alert_state(a) WHEN 'open' THEN 'stored' ELSE alert_state(a) END AS state
  FROM press p JOIN alert a USING (alert_id)
 WHERE p.device_id = :device_id AND p.jurisdiction = :jurisdiction AND p.press_id = ANY (:press_ids::uuid[]);

-- name: wait_for_standbys()$
-- What is read here can be on this server alone: a commit whose wait for its standbys was cut short
-- is seen by everybody, and gone with the server. A transaction that writes waits for them.
SELECT pg_logical_emit_message(true, 'tocsin', '')::text;
