-- name: store_presses(batch, devices)
-- One transaction in one statement; see the function in the migrations. Answers a row for each press.
SELECT device_id, press_id, alert_id, fresh, state, drill, jurisdiction, version, view
  FROM store_presses(:batch, :devices);

-- name: record_paged_from_memory(alert_id, names)!
SELECT append_event(:alert_id, 'paged_from_memory', json_build_object('people', :names::text[]));
