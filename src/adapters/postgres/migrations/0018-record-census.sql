-- The census of each tenant: its chains over the entries that the census counts, and the tree over them in the order of keys.

CREATE TABLE views.record_censuses (
  tenant text COLLATE "C" PRIMARY KEY,
  -- The entries that record_census_chains counts.
  counted bigint NOT NULL,
  -- Of the tree over the chains. Null while entries are counted.
  size bigint,
  count bigint,
  root bytea,
  -- Of CensusTaken. Null until it is appended.
  event uuid,
  -- The time of the last census, or of the first entry.
  since timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE views.record_census_chains (
  tenant text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  key bytea NOT NULL,
  owner text COLLATE "C",
  n bigint NOT NULL,
  head bytea NOT NULL,
  min_at text COLLATE "C" NOT NULL,
  max_at text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, name)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX record_census_chains_key ON views.record_census_chains (tenant, key);

-- The hashes of tiles above level 0. Those of level 0 are computed from the chains.
CREATE TABLE views.record_census_tiles (
  tenant text COLLATE "C" NOT NULL,
  level smallint NOT NULL,
  index bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant, level, index)
);

-- The key of the first leaf of each tile of level 0: places are counted from there.
CREATE TABLE views.record_census_places (
  tenant text COLLATE "C" NOT NULL,
  index bigint NOT NULL,
  key bytea NOT NULL,
  PRIMARY KEY (tenant, index)
);
CREATE INDEX record_census_places_key ON views.record_census_places (tenant, key);
