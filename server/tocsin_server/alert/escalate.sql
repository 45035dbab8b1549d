-- name: undecided(every)
-- Every alert that still has a next decision, or only those that the database's clock calls due: new ones,
-- answered ones, and those whose people have had their time. With what `decide` wants to know of each.
-- Ordered as ingest locks them, so that the two can't deadlock.
SELECT a.alert_id, a.jurisdiction, a.drill, a.attempt, a.tiers::text,
       a.kind, a.round, a.hurried, NOT wants_help(a) AS settled, a.stood_down_at IS NOT NULL AS stood_down,
       extract(epoch FROM clock_timestamp() - a.attempted_at)::double precision AS elapsed_s,
       proves_button(a) AS proving,
       EXISTS (SELECT FROM notification n WHERE n.alert_id = a.alert_id AND n.purpose = 'page'
                  AND n.round = a.round AND n.attempt = a.attempt)
       AND NOT EXISTS (SELECT FROM notification n WHERE n.alert_id = a.alert_id AND n.purpose = 'page'
                          AND n.round = a.round AND n.attempt = a.attempt
                          AND n.state NOT IN ('failed', 'undelivered', 'declined', 'withdrawn')
                          -- What was refused twice is tried on, but no longer waited for.
                          AND NOT (n.state = 'pending' AND n.tries >= 2 OR n.state = 'sending' AND n.tries >= 3)) AS unreached,
       coalesce(a.asked_at, a.heard_at) AS silent_from, a.asked_at IS NOT NULL AS asked, j.holder_silent_s,
       CASE WHEN a.acknowledged_at IS NOT NULL AND can_fall_silent(a) THEN
            extract(epoch FROM clock_timestamp() - coalesce(a.asked_at, a.heard_at))::double precision END AS silent_s
  FROM alert a JOIN jurisdiction j USING (jurisdiction) WHERE decide_at <= CASE WHEN :every::boolean THEN 'infinity' ELSE now() END
 ORDER BY a.device_id, a.kind, a.drill, a.alert_id;

-- name: begin_attempts(alert_ids, attempts, next_attempts, tiers, people, patiences_s, unanswered)
-- Which of them began here: another replica may have been sooner, or a person.
SELECT alert_id, begin_attempt(alert_id, attempt, next_attempt, tier, person, patience_s, is_unanswered) AS begun
  FROM unnest(:alert_ids::uuid[], :attempts::integer[], :next_attempts::integer[], :tiers::integer[],
              :people::jsonb[], :patiences_s::double precision[], :unanswered::boolean[])
       AS o(alert_id, attempt, next_attempt, tier, person, patience_s, is_unanswered);

-- name: stand_down(alert_ids)!
SELECT stand_down(alert_id) FROM unnest(:alert_ids::uuid[]) AS o(alert_id);

-- name: ask_holders(alert_ids, answer_s)!
SELECT ask_holder(alert_id, :answer_s) FROM unnest(:alert_ids::uuid[]) AS o(alert_id);

-- name: climb_again(alert_ids)!
SELECT climb_again(alert_id) FROM unnest(:alert_ids::uuid[]) AS o(alert_id);
