-- name: rule(jurisdiction)^
SELECT proof_every, elections, proof_days_before FROM jurisdiction WHERE jurisdiction = :jurisdiction;

-- name: set_rule(jurisdiction, every, elections, days_before)!
UPDATE jurisdiction SET proof_every = :every, elections = :elections::date[], proof_days_before = :days_before
 WHERE jurisdiction = :jurisdiction;
