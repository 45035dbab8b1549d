-- name: accept_settings(jurisdiction, device_id, accepted_by, heard)^
-- No row: no such button in service.
WITH said AS MATERIALIZED (
    SELECT d.device_id, d.config_digest AS known, coalesce(:heard, h.heartbeat->>'config_digest') AS digest
      FROM device d JOIN device_health h USING (device_id)
     WHERE d.jurisdiction = :jurisdiction AND d.device_id = :device_id AND d.state = 'active'
       FOR UPDATE OF d
), accepted AS (
    UPDATE device d
       SET config_digest = said.digest, config_accepted_by = :accepted_by, config_accepted_at = clock_timestamp()
      FROM said WHERE d.device_id = said.device_id AND said.digest <> said.known
    RETURNING d.device_id
)
SELECT known IS NOT NULL AS proven, EXISTS (SELECT FROM accepted) AS accepted FROM said;
