-- name: sign(site_id, by)!
UPDATE site SET changed_by = :by, changed_at = clock_timestamp() WHERE site_id = :site_id;
