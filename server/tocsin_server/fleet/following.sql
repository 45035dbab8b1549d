-- name: record_following(name, number, names_max)!
-- There is an end to the names that are kept.
INSERT INTO broker_following (name, number, at)
SELECT :name, :number, clock_timestamp()
 WHERE (SELECT count(*) FROM broker_following WHERE name <> :name) < :names_max
ON CONFLICT (name) DO UPDATE SET number = excluded.number, at = excluded.at;

-- name: brokers_following()
SELECT name, number, extract(epoch FROM clock_timestamp() - at)::double precision AS heard_s_ago
  FROM broker_following ORDER BY name;

-- name: forget_broker(name)$
DELETE FROM broker_following WHERE name = :name RETURNING name;
