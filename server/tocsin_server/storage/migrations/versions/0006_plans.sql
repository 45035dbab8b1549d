-- Floor plans: a picture that we have drawn ourselves from what somebody uploaded. A row is one picture
-- and stays: another picture of the same floor is another row, and this one has ended.
CREATE TABLE floor_plan (
    plan_id       uuid PRIMARY KEY DEFAULT uuid7(),
    jurisdiction  text NOT NULL REFERENCES jurisdiction,
    site_id       uuid NOT NULL REFERENCES site,
    title         text NOT NULL,                       -- what the floor is called
    picture       bytea NOT NULL,                      -- WebP
    width         integer NOT NULL CHECK (width > 0),  -- pixels
    height        integer NOT NULL CHECK (height > 0),
    file_digest   bytea NOT NULL CHECK (length(file_digest) = 32),  -- SHA-256 of the file as it came
    added_by      text NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How many metres the picture's width is.
    metres_wide   double precision CHECK (metres_wide > 0),
    scaled_by     text,
    scaled_at     timestamptz,
    -- Where on it the site's coordinates are, in parts of its width and height from the upper left, and
    -- where north is, in degrees clockwise from its upper edge.
    here_x        double precision CHECK (here_x BETWEEN 0 AND 1),
    here_y        double precision CHECK (here_y BETWEEN 0 AND 1),
    north_deg     double precision CHECK (north_deg BETWEEN -180 AND 180),
    positioned_by text,
    positioned_at timestamptz,
    ended_by      text,
    ended_at      timestamptz,
    CHECK ((metres_wide IS NULL) = (scaled_at IS NULL) AND (scaled_at IS NULL) = (scaled_by IS NULL)),
    CHECK (num_nonnulls(here_x, here_y, north_deg, positioned_by, positioned_at) IN (0, 5)),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
ALTER TABLE floor_plan ALTER COLUMN picture SET STORAGE EXTERNAL;  -- it is compressed already
CREATE UNIQUE INDEX floor_plan_current ON floor_plan (site_id, lower(title)) WHERE ended_at IS NULL;
CREATE INDEX floor_plan_site ON floor_plan (site_id);

-- Where on a plan a place is, in parts of the picture's width and height from the upper left.
ALTER TABLE place
    ADD COLUMN plan_id uuid REFERENCES floor_plan,
    ADD COLUMN plan_x  double precision CHECK (plan_x BETWEEN 0 AND 1),
    ADD COLUMN plan_y  double precision CHECK (plan_y BETWEEN 0 AND 1),
    ADD CHECK (num_nonnulls(plan_id, plan_x, plan_y) IN (0, 3));
CREATE INDEX place_on_plan ON place (plan_id) WHERE plan_id IS NOT NULL;

-- Who changed a site on the page, last.
ALTER TABLE site
    ADD COLUMN changed_by text,
    ADD COLUMN changed_at timestamptz;
