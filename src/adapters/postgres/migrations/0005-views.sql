-- Read models: rebuilt from nothing if lost. Their tables are made with each build and carry its number; views of the same
-- name without one show the build that is read.
CREATE SCHEMA views;

CREATE TABLE views.builds (
  projection text COLLATE "C" NOT NULL,
  build integer NOT NULL,
  version integer NOT NULL,
  lanes integer NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('building', 'live', 'retired')),
  PRIMARY KEY (projection, build)
);
CREATE UNIQUE INDEX builds_live ON views.builds (projection) WHERE state = 'live';
CREATE UNIQUE INDEX builds_building ON views.builds (projection) WHERE state = 'building';

CREATE TABLE views.lanes (
  projection text COLLATE "C" NOT NULL,
  build integer NOT NULL,
  lane integer NOT NULL,
  -- Of its owner's lease: an earlier owner finds its next step refused.
  epoch bigint NOT NULL DEFAULT 0,
  -- Opaque, and compared as text. Written with the rows, so both are there or neither.
  position text COLLATE "C" NOT NULL DEFAULT '',
  handled bigint NOT NULL DEFAULT 0,
  poison json,
  PRIMARY KEY (projection, build, lane),
  FOREIGN KEY (projection, build) REFERENCES views.builds
) WITH (fillfactor = 50);

CREATE TABLE views.parked (
  projection text COLLATE "C" NOT NULL,
  build integer NOT NULL,
  lane integer NOT NULL,
  stream text COLLATE "C" NOT NULL,
  at text COLLATE "C" NOT NULL,
  poison json NOT NULL,
  replay boolean NOT NULL DEFAULT false,
  PRIMARY KEY (projection, build, stream),
  FOREIGN KEY (projection, build, lane) REFERENCES views.lanes
);
