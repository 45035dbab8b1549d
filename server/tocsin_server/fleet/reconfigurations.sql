-- name: is_jurisdiction(jurisdiction)$
SELECT EXISTS (SELECT FROM jurisdiction WHERE jurisdiction = :jurisdiction);

-- name: unknown_devices(jurisdiction, device_ids)
SELECT device_id FROM unnest(:device_ids::text[]) AS device_id
 WHERE NOT EXISTS (SELECT FROM device d WHERE d.device_id = device_id.device_id AND d.jurisdiction = :jurisdiction);

-- name: add(jurisdiction, number, device_ids, jws, sent_by)$
-- Above every number that was sent there: a button takes up none that does not rise.
INSERT INTO reconfiguration (jurisdiction, number, device_ids, jws, sent_by)
SELECT :jurisdiction, :number, :device_ids, :jws, :sent_by
 WHERE NOT EXISTS (SELECT FROM reconfiguration WHERE jurisdiction = :jurisdiction AND number >= :number)
ON CONFLICT DO NOTHING
RETURNING number;

-- name: to_forward(heard_s, but, at_once)
-- The newest for each button that is heard and doesn't say that it knows it, or a later one. A button that was
-- added later has got its brokers later, too.
SELECT device_id, d.jurisdiction, r.jws
  FROM device d JOIN device_health h USING (device_id)
 CROSS JOIN LATERAL (SELECT number, jws FROM reconfiguration r
                      WHERE r.jurisdiction = d.jurisdiction AND d.added_at < r.sent_at
                        AND (r.device_ids = '{}' OR d.device_id = ANY (r.device_ids))
                      ORDER BY number DESC LIMIT 1) r
 WHERE EXISTS (SELECT FROM reconfiguration)  -- mostly there is none, and then nobody need be looked at
   AND d.state = 'active' AND h.last_heard_at > clock_timestamp() - :heard_s * interval '1 s'
   AND coalesce((h.heartbeat ->> 'reconfigure')::integer, 0) < r.number
   AND NOT device_id = ANY (:but::text[])
 ORDER BY random()  -- those who never answer hold up nobody
 LIMIT :at_once;

-- name: sent()
-- Of each, what its buttons said became of it; one that has taken up a later one is another's.
SELECT r.jurisdiction, r.number, r.device_ids, r.jws, r.sent_by, r.sent_at,
       count(*) FILTER (WHERE said.number = r.number AND said.adopted) AS adopted,
       coalesce(array_agg(said.device_id ORDER BY said.device_id)
                FILTER (WHERE said.number = r.number AND NOT said.adopted), '{}') AS given_up,
       count(*) FILTER (WHERE said.number < r.number OR said.number = r.number AND said.adopted IS NULL) AS waiting
  FROM reconfiguration r
  LEFT JOIN LATERAL (
       SELECT d.device_id, coalesce((h.heartbeat ->> 'reconfigure')::integer, 0) AS number,
              (h.heartbeat ->> 'reconfigure_adopted')::boolean AS adopted
         FROM device d LEFT JOIN device_health h USING (device_id)
        WHERE d.state = 'active' AND d.jurisdiction = r.jurisdiction AND d.added_at < r.sent_at
          AND (r.device_ids = '{}' OR d.device_id = ANY (r.device_ids))) said ON true
 GROUP BY r.jurisdiction, r.number
 ORDER BY r.sent_at DESC;
