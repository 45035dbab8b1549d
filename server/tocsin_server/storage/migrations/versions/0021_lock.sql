-- Since when a session does no more than answer alerts, until its reader proves again who they are.
ALTER TABLE session ADD COLUMN locked_at timestamptz;
