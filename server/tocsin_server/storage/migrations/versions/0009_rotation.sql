-- The thumbprint of the key that a replica signs receipts with, as of its last pulse.
ALTER TABLE replica ADD COLUMN receipt_kid text;

-- What the offline key signed for the buttons of a jurisdiction: other brokers. The newest that is for a
-- button is said to it until its heartbeats tell that it knows.
CREATE TABLE reconfiguration (
    jurisdiction text NOT NULL REFERENCES jurisdiction,
    number       integer NOT NULL,
    device_ids   text[] NOT NULL,              -- none: all of them
    jws          text NOT NULL,
    sent_by      text NOT NULL,
    sent_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (jurisdiction, number)
);
