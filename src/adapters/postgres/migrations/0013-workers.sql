-- A worker lives as a whole, with all that it answers.

-- The row of a dead worker stays for a day, so that the worker itself cannot renew under the same name again.
CREATE TABLE runtime.workers (
  worker text COLLATE "C" PRIMARY KEY,
  lives_until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- A job is its holder's for as long as that worker lives.
ALTER TABLE runtime.generations DROP COLUMN held_until;
