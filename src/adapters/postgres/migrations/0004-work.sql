-- In the order in which a generation passes through them.
CREATE TYPE runtime.job_stage AS ENUM ('requested', 'prompted', 'ended');

-- Who should answer what, and where each generation belongs. Rebuilt from nothing if lost, from the log, so writers need
-- not wait for a flush: whatever checkpoint is flushed after them flushes them too.
CREATE TABLE runtime.generations (
  generation text COLLATE "C" PRIMARY KEY,
  conversation text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  -- Null is one owner of its tenant.
  owner text COLLATE "C",
  stage runtime.job_stage NOT NULL,
  -- Since when it waits, or until when it is left alone.
  due_at timestamptz NOT NULL,
  -- The last one, whose time may have run out; null for as long as nobody has had it.
  holder text COLLATE "C",
  held_until timestamptz,
  -- When it was last taken, or the one before it in its owner's line: from then on that owner waits anew.
  served_at timestamptz
) WITH (
  -- Room on the page, so that taking, holding and renewing touch no index.
  fillfactor = 85,
  -- Each ended generation leaves a dead entry where `take` begins to look; a fifth of all that ever were is too many.
  autovacuum_vacuum_scale_factor = 0.01
);

-- Ended generations stay for ever, and are not in it.
CREATE INDEX generations_to_take ON runtime.generations (due_at) WHERE stage = 'prompted';

-- In which conversation a command with an idempotency key was first tried. Not to be thrown away: it is what makes a key
-- good for one request among all conversations.
CREATE TABLE runtime.command_places (
  command_id text COLLATE "C" PRIMARY KEY,
  conversation text COLLATE "C" NOT NULL
);
