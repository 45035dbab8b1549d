-- name: sites_state(jurisdiction)$
-- What tells import_sites that nothing has changed since.
SELECT sites_state(:jurisdiction);

-- name: import_sites(jurisdiction, seen, sites, places)$
SELECT import_sites(:jurisdiction, :seen, :sites::jsonb, :places::jsonb);
