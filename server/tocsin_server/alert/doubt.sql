-- name: keep(jurisdiction, topic, device_id, reason, other_reasons, reasons_max, read, raws, times, held_s)^
-- One row for each sender and reason that nobody has seen yet, and a few reasons for each sender: a
-- flood is counted, not listed.
INSERT INTO doubtful (jurisdiction, topic, device_id, reason, read, raws, times, received_at, last_received_at)
SELECT :jurisdiction, :topic, :device_id,
       CASE WHEN count(*) < :reasons_max::integer OR bool_or(d.reason = :reason) THEN :reason ELSE :other_reasons END,
       :read::json, :raws::bytea[], :times::integer,
       clock_timestamp() - :held_s::double precision * interval '1 s', clock_timestamp()
  FROM doubtful d WHERE d.device_id = :device_id AND d.seen_at IS NULL
ON CONFLICT (device_id, coalesce(jurisdiction, ''), reason) WHERE seen_at IS NULL DO UPDATE
   SET times = doubtful.times + excluded.times, last_received_at = excluded.last_received_at,
       raws = CASE WHEN cardinality(doubtful.raws) < 10 THEN (doubtful.raws || excluded.raws)[1 : 10] ELSE doubtful.raws END
RETURNING doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by;

-- name: unseen(jurisdiction)
-- What a person of this jurisdiction has still to look at, and what belongs to nobody's.
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by
  FROM doubtful
 WHERE seen_at IS NULL AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL)
 ORDER BY received_at DESC LIMIT 200;

-- name: mark_seen(doubtful_id, jurisdiction, by)^
UPDATE doubtful SET seen_at = clock_timestamp(), seen_by = :by
 WHERE doubtful_id = :doubtful_id AND seen_at IS NULL AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL)
RETURNING doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by;

-- name: one(doubtful_id, jurisdiction)^
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by
  FROM doubtful WHERE doubtful_id = :doubtful_id AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL);

-- name: page_unseen(jurisdiction, after_s, people)!
-- Tell tier 1 of what nobody has looked at in time, at most once a minute. The advisory lock ends
-- with the statement: two replicas can't both find the minute free.
WITH turn AS (
    SELECT pg_try_advisory_xact_lock(hashtext('doubtful ' || :jurisdiction)) AS mine
), claimed AS (
    UPDATE doubtful SET paged_at = clock_timestamp()
      FROM turn
     WHERE turn.mine AND jurisdiction = :jurisdiction AND seen_at IS NULL AND paged_at IS NULL
       AND received_at <= clock_timestamp() - :after_s::double precision * interval '1 s'
       AND NOT EXISTS (SELECT FROM doubtful d WHERE d.jurisdiction = :jurisdiction
                          AND d.paged_at > clock_timestamp() - interval '1 minute')
    RETURNING device_id, reason, times
), told AS (
    SELECT format('TOCSIN UNVERIFIED: %s press(es) from %s%s can''t be verified (%s). It may be real: look at the console, or call the site.',
                  sum(times), min(device_id), CASE WHEN count(DISTINCT device_id) > 1 THEN ' and others' END,
                  left(min(reason), 80)) AS body
      FROM claimed HAVING count(*) > 0
)
INSERT INTO notification (jurisdiction, purpose, tier, person_id, name, address, body)
SELECT :jurisdiction, 'unverified', 1, p.person_id, p.name, p.address, told.body
  FROM told, jsonb_to_recordset(:people::jsonb) AS p(person_id uuid, name text, address text);
