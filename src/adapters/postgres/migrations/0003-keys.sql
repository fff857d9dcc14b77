-- API keys as the streams of tenants tell them. Rebuilt from nothing if lost: truncate it and forget the checkpoint 'keys'.
-- The latest of each kind is kept beside its revision, so the order in which they are recorded does not matter.
CREATE TABLE runtime.api_keys (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  -- Null while only a revocation was seen.
  issued_revision integer,
  user_name text,
  role text COLLATE "C",
  name text,
  secret_sha256 text COLLATE "C",
  created_at timestamptz,
  -- In force only while it is later than what was issued.
  revoked_revision integer,
  revoked_at timestamptz
);

CREATE INDEX api_keys_of_tenant ON runtime.api_keys (tenant, created_at, id);
