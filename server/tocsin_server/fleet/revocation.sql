-- name: record_certificate(serial, jurisdiction, device_id, expires_at)$
-- Not for a button that is revoked, or that is being revoked in this moment: its row is waited for.
INSERT INTO certificate (serial, jurisdiction, device_id, expires_at)
SELECT :serial, jurisdiction, device_id, :expires_at
  FROM device
 WHERE device_id = :device_id AND jurisdiction = :jurisdiction AND state = 'active'
   FOR SHARE
RETURNING serial;

-- name: revoke_device(device_id, jurisdiction, by, because)^
SELECT * FROM revoke_device(:device_id, :jurisdiction, :by, :because);

-- name: revoked_certificates()
-- Of all jurisdictions: a broker takes one list for all that it serves.
SELECT serial, device_id, revoked_at FROM certificate
 WHERE revoked_at IS NOT NULL AND expires_at > clock_timestamp()
 ORDER BY revoked_at, serial;

-- name: revoked_serials_of(device_id)
SELECT serial FROM certificate
 WHERE device_id = :device_id AND revoked_at IS NOT NULL AND expires_at > clock_timestamp();

-- name: certificates_that_end(before)
-- Buttons that are in use, and have no certificate beyond that moment.
SELECT device_id, max(c.expires_at) AS ends
  FROM device d JOIN certificate c USING (device_id)
 WHERE d.state = 'active'
 GROUP BY device_id
HAVING max(c.expires_at) < :before
 ORDER BY ends, device_id;

-- name: newest_list()^
SELECT number, signed_at, pem FROM revocation_list ORDER BY number DESC LIMIT 1;

-- name: add_list(number, signed_at, pem)!
-- Of several replicas that sign at once one is first; what it missed, the next list brings.
INSERT INTO revocation_list (number, signed_at, pem) VALUES (:number, :signed_at, :pem)
ON CONFLICT DO NOTHING;

-- name: forget_lists(number)!
-- Only the newest is ever asked for.
DELETE FROM revocation_list WHERE number < :number;
