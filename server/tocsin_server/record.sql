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

-- name: broken_accounts(jurisdiction, findings_max)
-- Entries of accounts' records that don't follow from the one before, and records that lost their end.
  SELECT p.name, e.n, e.at, 'event ' || e.n || ' (' || e.name || ') was changed, moved or added' AS finding
    FROM (SELECT a.*, lag(a.chain, 1, ''::bytea) OVER w AS before, lag(a.n, 1, 0) OVER w AS n_before
            FROM account_event a WINDOW w AS (PARTITION BY a.person_id ORDER BY a.n)) e
    JOIN person p USING (person_id)
   WHERE p.jurisdiction = :jurisdiction
     AND (e.n <> e.n_before + 1
          OR e.chain <> event_link(e.before, e.person_id, e.n, e.at, e.name, e.digest)
          OR (e.salt IS NULL) <> (e.payload IS NULL)
          OR e.digest <> sha256(e.salt || convert_to(e.payload::text, 'UTF8')))
UNION ALL
  SELECT p.name, h.event_count, NULL, 'its end is missing, or was added' AS finding
    FROM account_head h JOIN person p USING (person_id)
   WHERE p.jurisdiction = :jurisdiction
     AND (h.event_count, h.chain) IS DISTINCT FROM
         (SELECT (last.n, last.chain) FROM account_event last WHERE last.person_id = h.person_id ORDER BY last.n DESC LIMIT 1)
ORDER BY 1, 2
   LIMIT :findings_max;
