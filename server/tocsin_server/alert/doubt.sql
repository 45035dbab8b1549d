-- name: keep(jurisdiction, topic, device_id, reason, other_reasons, reasons_max, read, raws, press_ids, press_ids_max, times, held_s)^
-- One row for each sender and reason that nobody has seen yet, and a few reasons for each sender: a
-- flood is counted, not listed. A button never stops sending what nobody receipts: what somebody has
-- seen stays seen while only presses that were in it come again. A press that is new to an unseen row
-- makes it one that phones are still to be told of.
WITH again AS (
    UPDATE doubtful SET times = times + :times::integer, last_received_at = clock_timestamp()
     WHERE doubtful_id = (
               SELECT doubtful_id FROM doubtful
                WHERE device_id = :device_id AND jurisdiction IS NOT DISTINCT FROM :jurisdiction AND reason = :reason
                  AND seen_at > clock_timestamp() - interval '12 hours'
                  AND cardinality(:press_ids::text[]) > 0 AND press_ids @> :press_ids::text[]
                ORDER BY seen_at DESC LIMIT 1)
    RETURNING *
), kept AS (
    INSERT INTO doubtful (jurisdiction, topic, device_id, reason, read, raws, press_ids, times, received_at, last_received_at)
    SELECT :jurisdiction, :topic, :device_id,
           CASE WHEN count(*) < :reasons_max::integer OR bool_or(d.reason = :reason) THEN :reason ELSE :other_reasons END,
           :read::json, :raws::bytea[], :press_ids::text[], :times::integer,
           clock_timestamp() - :held_s::double precision * interval '1 s', clock_timestamp()
      FROM doubtful d WHERE d.device_id = :device_id AND d.seen_at IS NULL
    HAVING NOT EXISTS (SELECT FROM again)
    ON CONFLICT (device_id, coalesce(jurisdiction, ''), reason) WHERE seen_at IS NULL DO UPDATE
       SET times = doubtful.times + excluded.times, last_received_at = excluded.last_received_at,
           raws = CASE WHEN cardinality(doubtful.raws) < 10 THEN (doubtful.raws || excluded.raws)[1 : 10] ELSE doubtful.raws END,
           press_ids = (ARRAY(SELECT e FROM unnest(excluded.press_ids) e WHERE e <> ALL (doubtful.press_ids)) || doubtful.press_ids)[1 : :press_ids_max::integer],
           paged_at = CASE WHEN doubtful.press_ids @> excluded.press_ids THEN doubtful.paged_at END
    RETURNING *
)
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by,
       pg_notify('tocsin_doubtful', doubtful_id::text)
  FROM (SELECT * FROM again UNION ALL SELECT * FROM kept) row;

-- name: unseen(jurisdiction)
-- What a person of this jurisdiction has still to look at, and what belongs to nobody's.
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by
  FROM doubtful
 WHERE seen_at IS NULL AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL)
 ORDER BY received_at DESC LIMIT 200;

-- name: mark_seen(doubtful_id, jurisdiction, by)^
UPDATE doubtful SET seen_at = clock_timestamp(), seen_by = :by
 WHERE doubtful_id = :doubtful_id AND seen_at IS NULL AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL)
RETURNING doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by,
          pg_notify('tocsin_doubtful', doubtful_id::text);

-- name: changed(doubtful_ids)
-- What another replica kept, or somebody there has marked as seen.
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by
  FROM doubtful WHERE doubtful_id = ANY (:doubtful_ids::uuid[]);

-- name: one(doubtful_id, jurisdiction)^
SELECT doubtful_id, jurisdiction, topic, device_id, reason, read::text, times, received_at, seen_at, seen_by
  FROM doubtful WHERE doubtful_id = :doubtful_id AND (jurisdiction = :jurisdiction OR jurisdiction IS NULL);

-- name: unpaged()
-- What nobody has looked at yet and no phone was told of, with how long ago it first came.
SELECT doubtful_id, jurisdiction, extract(epoch FROM clock_timestamp() - received_at)::double precision AS age_s
  FROM doubtful WHERE seen_at IS NULL AND paged_at IS NULL AND jurisdiction IS NOT NULL;

-- name: page_unseen(jurisdiction, doubtful_ids, people)!
-- Tell the first tier of what nobody has looked at in time, at most once a minute. The advisory lock
-- ends with the statement: two replicas can't both find the minute free. (A minute that a clock left
-- in the future counts as over.)
WITH turn AS (
    SELECT pg_try_advisory_xact_lock(hashtext('doubtful ' || :jurisdiction)) AS mine
), claimed AS (
    UPDATE doubtful SET paged_at = clock_timestamp()
      FROM turn
     WHERE turn.mine AND jurisdiction = :jurisdiction AND seen_at IS NULL AND paged_at IS NULL
       AND doubtful_id = ANY (:doubtful_ids::uuid[])
       AND NOT EXISTS (SELECT FROM notification n WHERE n.jurisdiction = :jurisdiction AND n.purpose = 'unverified'
                          AND n.created_at > clock_timestamp() - interval '1 minute'
                          AND n.created_at <= clock_timestamp())
    RETURNING device_id, reason, received_at
), first AS (
    SELECT c.*, left(concat_ws(', ', p.spot, p.room, s.name, s.address), 120) AS place
      FROM claimed c
      LEFT JOIN device d ON d.device_id = c.device_id AND d.jurisdiction = :jurisdiction
      LEFT JOIN place p USING (place_id) LEFT JOIN site s USING (site_id)
     ORDER BY c.received_at DESC LIMIT 1
), told AS (
    SELECT format('TOCSIN UNVERIFIED: a press by way of %s%s can''t be verified (%s). It may be real: look at the console, or call the site.',
                  CASE WHEN first.place = '' THEN first.device_id ELSE format('%s (%s)', first.place, first.device_id) END,
                  CASE WHEN (SELECT count(DISTINCT device_id) FROM claimed) > 1 THEN ' and others' END,
                  left(first.reason, 80)) AS body
      FROM first
)
INSERT INTO notification (jurisdiction, purpose, tier, person_id, name, contact_id, method, address, body)
SELECT :jurisdiction, 'unverified', 1, p.person_id, p.name, p.contact_id, p.method, p.address, told.body
  FROM told, jsonb_to_recordset(:people::jsonb) AS p(person_id uuid, name text, contact_id uuid, method text, address text);
