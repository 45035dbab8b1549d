-- name: rule(jurisdiction)^
-- Whether a jurisdiction's figures may be about persons, and when its shifts begin.
SELECT c.by AS allowed_by, wire_time(c.at) AS allowed_at,
       ARRAY(SELECT DISTINCT from_minute FROM shift_entry e WHERE e.jurisdiction = j.jurisdiction ORDER BY 1)::integer[] AS shifts
  FROM jurisdiction j
  LEFT JOIN LATERAL (SELECT by, at FROM latency_by_person_change c
                      WHERE c.jurisdiction = j.jurisdiction AND j.latency_by_person ORDER BY at DESC LIMIT 1) AS c ON true
 WHERE j.jurisdiction = :jurisdiction;

-- name: set_by_person(jurisdiction, allowed, by)$
-- Null: no such jurisdiction.
WITH changed AS (
    UPDATE jurisdiction SET latency_by_person = :allowed WHERE jurisdiction = :jurisdiction RETURNING jurisdiction
)
INSERT INTO latency_by_person_change (jurisdiction, by, allowed) SELECT jurisdiction, :by, :allowed FROM changed RETURNING jurisdiction;

-- name: total(jurisdiction, drill, days, site_id, kind, from_minute, until_minute, lines_ms)^
-- How many alerts there are, how many reached each stage, and how many were acknowledged within each line.
SELECT count(*) AS alerts, count(*) AS received, count(*) AS stored, count(on_screen_ms) AS on_screen,
       count(provider_accepted_ms) AS provider_accepted, count(delivered_ms) AS delivered,
       count(acknowledged_ms) AS acknowledged, count(resolved_ms) AS resolved,
       ARRAY[count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms::real[])[1]), count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[2]),
             count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[3]), count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[4])] AS within
  FROM measured(:jurisdiction, :drill, statement_timestamp() - make_interval(days => :days), :site_id, :kind, :from_minute, :until_minute);

-- name: figures(jurisdiction, drill, days, site_id, kind, from_minute, until_minute, lots)^
-- Milliseconds from the press to each stage; alerts that never reached a stage don't count in it.
SELECT count(*) AS measured,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY received_ms) AS received,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY stored_ms) AS stored,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY on_screen_ms) AS on_screen,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY provider_accepted_ms) AS provider_accepted,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY delivered_ms) AS delivered,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY acknowledged_ms) AS acknowledged,
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY resolved_ms) AS resolved
  FROM measured(:jurisdiction, :drill, statement_timestamp() - make_interval(days => :days), :site_id, :kind, :from_minute, :until_minute)
 WHERE lot < :lots::integer;

-- name: newest(jurisdiction, drill, days, site_id, kind, from_minute, until_minute, alerts_max)
  SELECT alert_id, wire_time(m.pressed_at) AS pressed_at, a.place->>'site' AS site, m.drill,
         received_ms AS received, stored_ms AS stored, on_screen_ms AS on_screen, provider_accepted_ms AS provider_accepted,
         delivered_ms AS delivered, acknowledged_ms AS acknowledged, resolved_ms AS resolved
    FROM (SELECT *
            FROM measured(:jurisdiction, :drill, statement_timestamp() - make_interval(days => :days), :site_id, :kind, :from_minute, :until_minute)
           ORDER BY pressed_at DESC, alert_id LIMIT :alerts_max) AS m
    JOIN alert a USING (alert_id)
ORDER BY m.pressed_at DESC, alert_id;

-- name: groups(jurisdiction, drill, days, site_id, kind, from_minute, until_minute, lines_ms, lots_max, figures_max, by, shifts, groups_max)
-- How long until somebody acknowledged, by what they have in common; the counts are of all, the percentiles of
-- those that were drawn. Counted first by what is in a row, and only then by what that comes to.
WITH counted AS MATERIALIZED (
    SELECT CASE WHEN :by::text = 'site' THEN site_id END AS site_id, CASE WHEN :by = 'kind' THEN kind END AS kind,
           CASE WHEN :by = 'person' THEN answered_by END AS answered_by, CASE WHEN :by = 'shift' THEN wall_minute END AS wall_minute,
           CASE WHEN :by IN ('day', 'week', 'month') THEN wall_day END AS wall_day,
           count(*) AS alerts, count(acknowledged_ms) AS acknowledged,
           count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms::real[])[1]) AS in_1, count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[2]) AS in_2,
           count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[3]) AS in_3, count(*) FILTER (WHERE acknowledged_ms <= (:lines_ms)[4]) AS in_4
      FROM measured(:jurisdiction, :drill, statement_timestamp() - make_interval(days => :days), :site_id, :kind, :from_minute, :until_minute)
     GROUP BY 1, 2, 3, 4, 5
), keyed AS (
    SELECT group_key(:by, site_id, kind, answered_by, wall_day, wall_minute, :shifts::integer[]) AS key,
           sum(alerts)::integer AS alerts, sum(acknowledged)::integer AS acknowledged,
           ARRAY[sum(in_1), sum(in_2), sum(in_3), sum(in_4)]::integer[] AS within
      FROM counted GROUP BY 1
), lottery AS MATERIALIZED (
    SELECT least(:lots_max::integer, :lots_max * :figures_max::bigint / greatest(sum(alerts), 1))::integer AS lots FROM counted
), drawn AS (
    SELECT group_key(:by, site_id, kind, answered_by, wall_day, wall_minute, :shifts) AS key,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY acknowledged_ms) AS percentiles_ms
      FROM measured(:jurisdiction, :drill, statement_timestamp() - make_interval(days => :days), :site_id, :kind, :from_minute, :until_minute)
     WHERE lot < (SELECT lots FROM lottery)
     GROUP BY 1
)
   SELECT k.*, d.percentiles_ms, s.name AS site, lots < :lots_max AS is_drawn
     FROM keyed k
    CROSS JOIN lottery
     LEFT JOIN drawn d USING (key)
     LEFT JOIN site s ON s.site_id = CASE WHEN :by = 'site' THEN nullif(k.key, '')::uuid END
 ORDER BY k.alerts DESC, key
    LIMIT :groups_max;
