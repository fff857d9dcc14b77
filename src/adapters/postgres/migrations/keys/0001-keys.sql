-- The keys of protected values, each encrypted under a master key that is in no database.

-- A generation of the master key. Its row has a check of the master key, and not the key.
CREATE TABLE keys.generations (
  generation integer PRIMARY KEY,
  -- Tells whether the master key that a process has is the one that this store was begun with.
  master_check bytea NOT NULL,
  is_current boolean NOT NULL,
  began_at timestamptz NOT NULL DEFAULT now(),
  -- No key is encrypted under it any more, and the master key is destroyed.
  destroyed_at timestamptz,
  CHECK (NOT (is_current AND destroyed_at IS NOT NULL))
);
CREATE UNIQUE INDEX generations_current ON keys.generations (is_current) WHERE is_current;

-- Keys, and rows of the directory of users. The row of a destroyed one stays, so that it differs from a lost one.
CREATE TABLE keys.keys (
  id text COLLATE "C" PRIMARY KEY,
  -- Empty for a key that the first event of a conversation binds.
  tenant text COLLATE "C" NOT NULL,
  generation integer REFERENCES keys.generations,
  wrapped bytea,
  destroyed_at timestamptz,
  CHECK ((destroyed_at IS NULL) = (wrapped IS NOT NULL) AND (destroyed_at IS NULL) = (generation IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX keys_of_generation ON keys.keys (generation, id) WHERE generation IS NOT NULL;

-- The one key of a scope: of a tenant, a user, a thread, or a month of the access trail.
CREATE TABLE keys.scopes (
  tenant text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL REFERENCES keys.keys,
  PRIMARY KEY (tenant, scope)
);
CREATE INDEX scopes_of_key ON keys.scopes (key);
