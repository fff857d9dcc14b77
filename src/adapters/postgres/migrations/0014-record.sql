-- The record: a tree of entries for each tenant, made from the log by the notary, and its signed notes.

CREATE TABLE views.record_trees (
  tenant text COLLATE "C" PRIMARY KEY,
  size bigint NOT NULL,
  -- The hashes of the perfect subtrees that the size is the sum of, largest first.
  edge bytea NOT NULL,
  -- Why the tree does not grow any more.
  stopped text,
  -- Why the tree is not signed.
  refused text
) WITH (fillfactor = 50);

CREATE TABLE views.record_entries (
  tenant text COLLATE "C" NOT NULL,
  index bigint NOT NULL,
  stream text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  event uuid NOT NULL,
  hash bytea NOT NULL,
  leaf text NOT NULL,
  PRIMARY KEY (tenant, index)
);
CREATE INDEX record_entries_stream ON views.record_entries (tenant, stream, revision);
CREATE INDEX record_entries_event ON views.record_entries (tenant, event);

-- The hashes of tiles above level 0. Those of level 0 are the entries'.
CREATE TABLE views.record_tiles (
  tenant text COLLATE "C" NOT NULL,
  level smallint NOT NULL,
  index bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant, level, index)
);

CREATE TABLE views.record_chains (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  next bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant, name)
) WITH (fillfactor = 50);

-- The first entries of the conversations of each owner.
CREATE TABLE views.record_owners (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  next bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant, name)
) WITH (fillfactor = 50);

CREATE TABLE views.record_notes (
  tenant text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  note text NOT NULL,
  verifier_key text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, size)
);
