-- name: store_press(device_id, press_id, jurisdiction, place, tiers, kind, gesture, boot_id, seq, attempt, age_ms, age_exact, device_clock, remarks, jws, held_ms)
-- The same of one press that opens an alert; where it is another case nothing is done, and alert_id is null.
SELECT alert_id, code, previous_alert_id, pressed_at, received_at, stored_at
  FROM store_press(:device_id, :press_id, :jurisdiction, :place, :tiers, :kind, :gesture, :boot_id, :seq, :attempt,
                   :age_ms, :age_exact, :device_clock, :remarks, :jws, :held_ms);

-- name: store_presses(batch, devices)
-- One transaction in one statement; see the function in the migrations. Answers a row for each press.
SELECT device_id, press_id, alert_id, state, drill, jurisdiction, version, view
  FROM store_presses(:batch, :devices);

-- name: record_paged_from_memory(alert_id, names)!
SELECT append_event(:alert_id, 'paged_from_memory', json_build_object('people', :names::text[]));
