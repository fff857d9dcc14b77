-- The keys that signed the notes of a tenant before the present one. They are kept: auditors verify older notes with them.
CREATE TABLE views.record_key_ends (
  tenant text COLLATE "C" NOT NULL,
  verifier_key text NOT NULL,
  -- Of the last tree that it signed, with its note.
  size bigint NOT NULL,
  note text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, verifier_key)
);
