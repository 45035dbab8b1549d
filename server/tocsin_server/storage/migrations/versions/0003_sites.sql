-- What facilities staff know of a site and of a place, and one function that writes a file of them.

ALTER TABLE site
    ADD COLUMN opening_hours       text,                           -- as fleet/hours.py writes it
    ADD COLUMN entrances           text[] NOT NULL DEFAULT '{}',
    -- [{"name": "Sam Novak", "role": "caretaker", "phone": "+15125550190"}, …]
    ADD COLUMN contacts            jsonb  NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(contacts) = 'array'),
    -- Who looked and said: this is the county, this is who comes.
    ADD COLUMN county_confirmed_by text,
    ADD COLUMN county_confirmed_at timestamptz,
    ADD COLUMN agency_confirmed_by text,
    ADD COLUMN agency_confirmed_at timestamptz,
    ADD CHECK ((county_confirmed_by IS NULL) = (county_confirmed_at IS NULL)),
    ADD CHECK ((agency_confirmed_by IS NULL) = (agency_confirmed_at IS NULL));

ALTER TABLE place
    ADD COLUMN kind         text CHECK (kind IN ('front_counter', 'counting_table', 'other')),
    ADD COLUMN surroundings text;                                  -- what the presser sees around them

CREATE FUNCTION sites_state(of_jurisdiction text) RETURNS text LANGUAGE sql STABLE AS $$
-- A digest of all sites and places: whoever has read them can say later what they had read.
SELECT md5(coalesce((SELECT string_agg(s::text, E'\n' ORDER BY site_id)
                       FROM site s WHERE jurisdiction = of_jurisdiction), '') || E'\n\n' ||
           coalesce((SELECT string_agg(p::text, E'\n' ORDER BY place_id)
                       FROM place p WHERE jurisdiction = of_jurisdiction), ''))
$$;

CREATE FUNCTION import_sites(of_jurisdiction text, seen text, given_sites jsonb, given_places jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
-- Write sites and places, all or none; false where they are no longer those that were seen.
-- A row with an id is written over, one without is new. A new site's places name it by its number.
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('import_sites'), hashtext(of_jurisdiction));
    IF sites_state(of_jurisdiction) <> seen THEN
        RETURN false;
    END IF;
    WITH given AS MATERIALIZED (
        SELECT coalesce(site_id, uuid7()) AS id, *
          FROM jsonb_to_recordset(given_sites) AS given
               (number integer, site_id uuid, name text, address text, county text,
                county_fips text, state text, responding_agency text, time_zone text,
                latitude double precision, longitude double precision, opening_hours text,
                entrances text[], contacts jsonb,
                county_confirmed_by text, county_confirmed_at timestamptz,
                agency_confirmed_by text, agency_confirmed_at timestamptz)
    ), written AS (
        INSERT INTO site AS s
               (site_id, jurisdiction, name, address, county, county_fips, state,
                responding_agency, time_zone, latitude, longitude, opening_hours, entrances,
                contacts, county_confirmed_by, county_confirmed_at, agency_confirmed_by,
                agency_confirmed_at)
        SELECT id, of_jurisdiction, name, address, county, county_fips, state,
               responding_agency, time_zone, latitude, longitude, opening_hours, entrances, contacts,
               county_confirmed_by,
               CASE WHEN county_confirmed_by IS NOT NULL
                    THEN coalesce(county_confirmed_at, clock_timestamp()) END,
               agency_confirmed_by,
               CASE WHEN agency_confirmed_by IS NOT NULL
                    THEN coalesce(agency_confirmed_at, clock_timestamp()) END
          FROM given
        ON CONFLICT (site_id) DO UPDATE
           SET (name, address, county, county_fips, state, responding_agency, time_zone,
                latitude, longitude, opening_hours, entrances, contacts, county_confirmed_by,
                county_confirmed_at, agency_confirmed_by, agency_confirmed_at)
             = (excluded.name, excluded.address, excluded.county, excluded.county_fips,
                excluded.state, excluded.responding_agency, excluded.time_zone,
                excluded.latitude, excluded.longitude, excluded.opening_hours,
                excluded.entrances, excluded.contacts, excluded.county_confirmed_by,
                excluded.county_confirmed_at, excluded.agency_confirmed_by,
                excluded.agency_confirmed_at)
         WHERE s.jurisdiction = of_jurisdiction
    )
    INSERT INTO place AS p (place_id, jurisdiction, site_id, building, floor, room, spot, kind, surroundings)
    SELECT coalesce(given_place.place_id, uuid7()), of_jurisdiction, coalesce(given_place.site_id, given.id),
           building, floor, room, spot, kind, surroundings
      FROM jsonb_to_recordset(given_places) AS given_place
           (place_id uuid, site_id uuid, number integer, building text, floor text, room text,
            spot text, kind text, surroundings text)
      LEFT JOIN given USING (number)
    ON CONFLICT (place_id) DO UPDATE
       SET (kind, surroundings) = (excluded.kind, excluded.surroundings)
     WHERE p.jurisdiction = of_jurisdiction;
    RETURN true;
END $$;
