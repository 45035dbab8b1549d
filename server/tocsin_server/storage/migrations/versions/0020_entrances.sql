-- Where on a plan the site's entrances are, by the names that the site gives them.
ALTER TABLE floor_plan
    -- [{"name": "Main door, Angelina St", "x": 0.5, "y": 0.9}, …], in parts of width and height
    ADD COLUMN entrances    jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(entrances) = 'array'),
    ADD COLUMN entrances_by text,
    ADD COLUMN entrances_at timestamptz,
    ADD CHECK ((entrances_by IS NULL) = (entrances_at IS NULL));
