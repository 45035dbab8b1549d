-- name: figures(jurisdiction, days, site_id, drill)
-- Milliseconds from the press to each stage; alerts that never reached a stage don't count in it.
WITH chosen AS (
    SELECT a.*
      FROM alert a
     WHERE jurisdiction = :jurisdiction AND drill = :drill AND NOT is_synthetic(a)
       AND pressed_at >= clock_timestamp() - make_interval(days => :days)
       AND (:site_id::uuid IS NULL OR (place->>'site_id')::uuid = :site_id)
)
   SELECT stage, count(took_ms),
          percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY took_ms) AS percentiles_ms
     FROM chosen
    CROSS JOIN LATERAL (VALUES
          ('received',          received_at),
          ('stored',            stored_at),
          ('on_screen',         shown_at),
          ('provider_accepted', accepted_at),
          ('delivered',         delivered_at),
          ('acknowledged',      acknowledged_at),
          ('resolved',          resolved_at)) AS s(stage, at)
    CROSS JOIN LATERAL (SELECT extract(epoch FROM at - pressed_at)::double precision * 1000) AS t(took_ms)
 GROUP BY stage;

-- name: newest(jurisdiction, days, site_id, drill, alerts_max)
  SELECT alert_id, wire_time(pressed_at) AS pressed_at, place->>'site' AS site, drill,
         extract(epoch FROM received_at - pressed_at)::double precision * 1000 AS received,
         extract(epoch FROM stored_at - pressed_at)::double precision * 1000 AS stored,
         extract(epoch FROM shown_at - pressed_at)::double precision * 1000 AS on_screen,
         extract(epoch FROM accepted_at - pressed_at)::double precision * 1000 AS provider_accepted,
         extract(epoch FROM delivered_at - pressed_at)::double precision * 1000 AS delivered,
         extract(epoch FROM acknowledged_at - pressed_at)::double precision * 1000 AS acknowledged,
         extract(epoch FROM resolved_at - pressed_at)::double precision * 1000 AS resolved
    FROM alert a
   WHERE jurisdiction = :jurisdiction AND drill = :drill AND NOT is_synthetic(a)
     AND a.pressed_at >= clock_timestamp() - make_interval(days => :days)
     AND (:site_id::uuid IS NULL OR (place->>'site_id')::uuid = :site_id)
ORDER BY a.pressed_at DESC, alert_id
   LIMIT :alerts_max;
