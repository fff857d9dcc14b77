-- The latest kept fold of each long stream. A cache: every row may be deleted at any time.
CREATE TABLE runtime.kept_folds (
  stream text COLLATE "C" PRIMARY KEY,
  version integer NOT NULL,
  -- The last folded event. It is compared with the log before the fold is used.
  revision integer NOT NULL,
  event uuid NOT NULL,
  bytes bytea NOT NULL
);

-- Half of the bytes are random ids, so compression costs a reader time and saves little.
ALTER TABLE runtime.kept_folds ALTER COLUMN bytes SET STORAGE EXTERNAL;
