-- name: record_certificate(serial, jurisdiction, device_id, expires_at)$
-- Not for a button that is revoked, or that is being revoked in this moment: its row is waited for.
INSERT INTO certificate (serial, jurisdiction, device_id, expires_at)
SELECT :serial, jurisdiction, device_id, :expires_at
  FROM device
 WHERE device_id = :device_id AND jurisdiction = :jurisdiction AND state = 'active'
   FOR SHARE
RETURNING serial;
