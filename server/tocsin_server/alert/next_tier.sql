-- name: standing(jurisdiction, alert_id)^
SELECT kind, drill, attempt, tiers::text FROM alert WHERE jurisdiction = :jurisdiction AND alert_id = :alert_id;
