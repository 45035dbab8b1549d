-- name: jurisdiction_exists(jurisdiction)$
SELECT EXISTS (SELECT FROM jurisdiction WHERE jurisdiction = :jurisdiction);

-- name: alerts(jurisdiction, after, alerts_max)
-- One page of alerts by id, with the head of each one's chain.
  SELECT alert_id, event_count, chain
    FROM alert
   WHERE jurisdiction = :jurisdiction AND alert_id > :after
ORDER BY alert_id
   LIMIT :alerts_max;

-- name: events(alert_ids)
-- Times exactly as append_event hashed them.
  SELECT alert_id, n, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
         name, salt, payload, digest, chain
    FROM alert_event
   WHERE alert_id = ANY (:alert_ids::uuid[])
ORDER BY alert_id, n;

-- name: heads_as_of(as_of, jurisdiction)
-- Of each alert the last event that is not later.
  SELECT alert_id, last.n, last.chain
    FROM alert
   CROSS JOIN LATERAL (SELECT e.n, e.chain FROM alert_event e
                        WHERE e.alert_id = alert.alert_id AND e.at <= :as_of
                        ORDER BY e.n DESC LIMIT 1) AS last
   WHERE jurisdiction = :jurisdiction
ORDER BY alert_id;

-- name: without_alert(findings_max)
-- Events whose alert is gone: no foreign key lets that happen, somebody who turned it off does.
  SELECT e.alert_id, count(*) AS events
    FROM alert_event e
   WHERE NOT EXISTS (SELECT FROM alert a WHERE a.alert_id = e.alert_id)
GROUP BY e.alert_id
   LIMIT :findings_max;

-- name: resolved(jurisdiction, before, after, alerts_max)
  SELECT alert_id
    FROM alert
   WHERE jurisdiction = :jurisdiction AND resolved_at < :before AND alert_id > :after
ORDER BY alert_id
   LIMIT :alerts_max;

-- name: erase(alert_ids, before)$
WITH erased AS (
       UPDATE alert_event SET payload = NULL, salt = NULL
        WHERE alert_id = ANY (:alert_ids::uuid[]) AND at < :before
          AND (payload IS NOT NULL OR salt IS NOT NULL)
    RETURNING 1
)
SELECT count(*) FROM erased;
