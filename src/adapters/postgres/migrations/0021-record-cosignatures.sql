-- The cosignatures of witnesses. They are kept for ever: neither a rebuild nor a new incarnation of the log deletes them.

CREATE TABLE views.record_cosignatures (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  -- The key of the witness.
  witness text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  note text NOT NULL,
  line text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (origin, size, witness)
);
CREATE INDEX record_cosignatures_witness ON views.record_cosignatures (origin, witness, size);
