-- name: set_holder_silence(jurisdiction, silent_s)$
-- Null: no such jurisdiction.
UPDATE jurisdiction SET holder_silent_s = :silent_s WHERE jurisdiction = :jurisdiction RETURNING jurisdiction;
