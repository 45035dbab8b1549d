-- name: store_opening(alert_id, salt, device_id, kind, press_id, held_ms, age_ms, jurisdiction, gesture, boot_id, seq, attempt, age_exact, device_clock, remarks, jws, place, tiers)^
-- The everyday case of store_presses, in half its time: one press that opens an alert. No row, and
-- nothing done, where the press is known or would join an alert. Where another replica opens this
-- device's alert at this moment, or an open one has the same code: a unique violation. It notifies
-- nobody: the other replicas hear the press themselves, and of the first decision, 20 ms later.
WITH moment AS MATERIALIZED (
    SELECT :alert_id::uuid AS alert_id, :salt::bytea AS salt, clock_timestamp() AS stored_at
     WHERE NOT EXISTS (SELECT FROM alert WHERE joinable AND device_id = :device_id AND kind = :kind AND NOT drill)
       AND NOT EXISTS (SELECT FROM press WHERE device_id = :device_id AND cancels = :press_id)
), said AS MATERIALIZED (
    SELECT *, stored_at - :held_ms::double precision * interval '1 ms' AS received_at,
           stored_at - (:held_ms + :age_ms::bigint) * interval '1 ms' AS pressed_at
      FROM moment
), pressed AS (
    INSERT INTO press (device_id, press_id, jurisdiction, alert_id, kind, drill, said_drill, gesture, boot_id, seq,
                       attempt, age_ms, age_exact, device_clock, remarks, pressed_at, received_at, jws)
    SELECT :device_id, :press_id, :jurisdiction, alert_id, :kind, false, false, :gesture, :boot_id, :seq,
           :attempt, :age_ms, :age_exact, :device_clock, :remarks, pressed_at, received_at, :jws
      FROM said
        ON CONFLICT DO NOTHING
    RETURNING alert_id
), told AS MATERIALIZED (
    SELECT *, json_build_object('press_ids', ARRAY[:press_id], 'gestures', ARRAY[:gesture], 'kind', :kind, 'drill', false,
                  'pressed_at', pressed_at, 'received_at', received_at,
                  'remarks', :remarks::text[], 'place', :place::json) AS payload
      FROM said JOIN pressed USING (alert_id)
), digested AS MATERIALIZED (
    SELECT *, sha256(salt || convert_to(payload::text, 'UTF8')) AS digest FROM told
), linked AS MATERIALIZED (
    SELECT *, event_link('', alert_id, 1, stored_at, 'pressed', digest) AS chain FROM digested
), event AS (
    INSERT INTO alert_event SELECT alert_id, 1, stored_at, 'pressed', salt, payload, digest, chain FROM linked
), opened AS (
    INSERT INTO alert (alert_id, jurisdiction, device_id, kind, drill, code, presses, remarks, place, tiers,
                       previous_alert_id, pressed_at, received_at, stored_at, attempted_at, decide_at,
                       version, event_count, chain)
    SELECT alert_id, :jurisdiction, :device_id, :kind, false, lpad(floor(random() * 1e4)::integer::text, 4, '0'), 1,
           :remarks, :place, :tiers::jsonb,
           (SELECT alert_id FROM alert WHERE device_id = :device_id ORDER BY received_at DESC LIMIT 1),
           pressed_at, received_at, stored_at, stored_at, stored_at, 1, 1, chain
      FROM linked
    RETURNING *
)
SELECT code, previous_alert_id, pressed_at, received_at, stored_at FROM opened;

-- name: store_presses(batch, devices)
-- One transaction in one statement; see the function in the migrations. Answers a row for each press.
SELECT device_id, press_id, alert_id, state, drill, jurisdiction, version, view
  FROM store_presses(:batch, :devices);

-- name: record_paged_from_memory(alert_id, names)!
SELECT append_event(:alert_id, 'paged_from_memory', json_build_object('people', :names::text[]));
