-- The thumbprint of the key that a replica signs receipts with, as of its last pulse.
ALTER TABLE replica ADD COLUMN receipt_kid text;
