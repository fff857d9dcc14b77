-- Who may do what alone, and how far each reader has got. Rebuilt from nothing if lost: readers start over.
CREATE SCHEMA IF NOT EXISTS runtime;

CREATE TABLE runtime.leases (
  name text COLLATE "C" PRIMARY KEY,
  holder text NOT NULL,
  epoch bigint NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE runtime.checkpoints (
  name text COLLATE "C" PRIMARY KEY,
  epoch bigint NOT NULL,
  -- Opaque, and compared as text: every engine's positions fit.
  position text COLLATE "C" NOT NULL
);
