-- The log in partitions, with one row for each stream and one for each command that acts once.
-- Every process of an older release must be stopped: it cannot append to this shape.

DROP FUNCTION log.append;

-- Every append locks this row until its commit is flushed, so positions follow the order of commits without a gap.
-- The row is never updated: dead versions of it, which a long transaction keeps, would slow each append.
ALTER TABLE log.head DROP COLUMN position;

-- What stands so far becomes the first partition as it is.
ALTER TABLE log.events RENAME TO events_1;
ALTER TABLE log.events_1 DROP CONSTRAINT events_id;
ALTER TABLE log.events_1 RENAME CONSTRAINT events_pkey TO events_1_pkey;
ALTER TABLE log.events_1 RENAME CONSTRAINT events_stream_revision TO events_1_stream_revision;
CREATE TABLE log.events (LIKE log.events_1 INCLUDING CONSTRAINTS) PARTITION BY RANGE (position);
ALTER TABLE log.events ADD PRIMARY KEY (position);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Each partition holds the positions from `first` to before `until`.
CREATE TABLE log.partitions (
  first bigint PRIMARY KEY,
  until bigint NOT NULL
);

DO $$
DECLARE
  until bigint;
BEGIN
  SELECT (coalesce(max(position), 0) / 10000000 + 1) * 10000000 INTO until FROM log.events_1;
  EXECUTE format('ALTER TABLE log.events ATTACH PARTITION log.events_1 FOR VALUES FROM (1) TO (%s)', until);
  INSERT INTO log.partitions (first, until) VALUES (1, until);
END $$;

-- The concurrency check: an append holds only if the stream is still at the expected revision. Between the positions
-- `first` and `last` a read finds its events in few partitions.
CREATE TABLE log.streams (
  stream text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL
) WITH (fillfactor = 80); -- Room for the next version of a row in its own page: no index changes then.
INSERT INTO log.streams (stream, tenant, revision, first, last)
SELECT stream, (array_agg(tenant ORDER BY position))[1], max(revision), min(position), max(position)
FROM log.events GROUP BY stream;

-- Where each command with an idempotency key acted: its first event.
CREATE TABLE log.command_ids (
  command uuid PRIMARY KEY,
  stream text COLLATE "C" NOT NULL,
  revision integer NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.command_ids
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
-- Compared as texts, because PostgreSQL refuses to look into JSON with an escaped NUL. A quotation mark within a value is escaped.
INSERT INTO log.command_ids (command, stream, revision)
SELECT DISTINCT ON (k.command) k.command, k.stream, k.revision
FROM (
  SELECT substring(meta::text FROM '"commandId":"([0-9a-f-]{36})"')::uuid AS command, stream, revision, position
  FROM log.events WHERE meta::text LIKE '%"fingerprint":"%'
) k
WHERE k.command IS NOT NULL
ORDER BY k.command, k.position;

-- Where a log without these tables keeps the same. A place has a stream for ever; its first event is there or behind it.
ALTER TABLE runtime.command_places ADD COLUMN stream text COLLATE "C", ADD COLUMN revision integer;
UPDATE runtime.command_places SET stream = 'conversation-' || conversation, revision = 0;
ALTER TABLE runtime.command_places
  ALTER COLUMN stream SET NOT NULL, ALTER COLUMN revision SET NOT NULL, DROP COLUMN conversation;

-- Makes the next partition as soon as the newest one is in use, so that there is always an empty one ahead. Answers from
-- which position on it has to be called again.
CREATE FUNCTION log.extend() RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  newest log.partitions;
  size constant bigint := 10000000;
  name text;
BEGIN
  -- One process at a time; readers and appends go on.
  LOCK TABLE log.partitions IN SHARE ROW EXCLUSIVE MODE;
  SELECT p.* INTO newest FROM log.partitions p ORDER BY p.first DESC LIMIT 1;
  IF NOT EXISTS (SELECT FROM log.events e WHERE e.position >= newest.first) THEN
    RETURN newest.first;
  END IF;
  name := 'events_' || newest.until;
  EXECUTE format(
    'CREATE TABLE log.%1$I (LIKE log.events INCLUDING CONSTRAINTS, PRIMARY KEY (position), UNIQUE (stream, revision));
     CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.%1$I
       FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
     ALTER TABLE log.events ATTACH PARTITION log.%1$I FOR VALUES FROM (%2$s) TO (%3$s)',
    name, newest.until, newest.until + size);
  INSERT INTO log.partitions (first, until) VALUES (newest.until, newest.until + size);
  RETURN newest.until;
END $$;

-- Commits a batch of appends, at most one for each stream. Each append is judged alone: a conflict of one leaves the
-- others as they are. Arrays over appends: stream, its tenant, the expected revision (-1: no stream), the number of
-- events, the command (null: none). Arrays over events: the number of their append from 1, their place in it from 1, and
-- the rest. `known` is the position of an event that the log has, or 0: the newest event is looked for behind it.
CREATE FUNCTION log.append(
  known bigint,
  streams text[], stream_tenants text[], expected integer[], sizes integer[], commands uuid[],
  appends integer[], places integer[],
  ids uuid[], types text[], schemas integer[], tenants text[], ats timestamptz[], datas json[], metas json[], bytes_of_each integer[]
) RETURNS TABLE (append integer, verdict text, stream text, revision integer, "position" bigint)
LANGUAGE plpgsql
-- Runs with the rights of the owner: who may call it needs no right to change the tables of the log. The fixed path keeps
-- the caller's functions and operators out of it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A connection keeps the plan of its first calls, which may be those on an empty log. So only one plan is possible: each
-- access to the log is a lookup in an index (LATERAL with LIMIT keeps it apart), and each other join compares hashes.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
  base bigint;
  written bigint[];
BEGIN
  PERFORM FROM log.head FOR UPDATE;
  SELECT e.position INTO base FROM log.events e WHERE e.position >= known ORDER BY e.position DESC LIMIT 1;
  IF base IS NULL THEN
    SELECT coalesce(max(e.position), 0) INTO base FROM log.events e;
  END IF;

  WITH free AS MATERIALIZED (
    SELECT a.*
    FROM unnest(streams, stream_tenants, expected, sizes, commands)
      WITH ORDINALITY a(stream, tenant, expected, size, command, nth)
    LEFT JOIN LATERAL (SELECT s.revision FROM log.streams s WHERE s.stream = a.stream LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT true AS found FROM log.command_ids c WHERE c.command = a.command LIMIT 1) c ON true
    WHERE a.expected = coalesce(s.revision, -1) AND c.found IS NULL
  ), placed AS MATERIALIZED (
    SELECT f.*, base + sum(f.size) OVER (ORDER BY f.nth ROWS UNBOUNDED PRECEDING) - f.size AS before
    FROM free f
    -- Of the appends with one command the first acts.
    WHERE NOT EXISTS (SELECT FROM free o WHERE o.command = f.command AND o.nth < f.nth)
  ), advanced AS (
    INSERT INTO log.streams (stream, tenant, revision, first, last)
    SELECT p.stream, p.tenant, p.expected + p.size, p.before + 1, p.before + p.size FROM placed p
    ON CONFLICT (stream) DO UPDATE SET revision = excluded.revision, last = excluded.last
  ), commanded AS (
    INSERT INTO log.command_ids (command, stream, revision)
    SELECT p.command, p.stream, p.expected + 1 FROM placed p WHERE p.command IS NOT NULL
  ), added AS (
    INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
    SELECT p.before + e.place, p.stream, p.expected + e.place, e.id, e.type, e.schema, e.tenant, e.at, e.data, e.meta, e.bytes
    FROM unnest(appends, places, ids, types, schemas, tenants, ats, datas, metas, bytes_of_each)
      e(append, place, id, type, schema, tenant, at, data, meta, bytes)
    JOIN placed p ON p.nth = e.append
  )
  SELECT coalesce(array_agg(p.nth), '{}') INTO written FROM placed p;

  IF cardinality(written) > 0 THEN
    NOTIFY verbatim_log;
  END IF;
  -- Nearly always every expectation holds, and the caller can compute the rest.
  IF cardinality(written) = cardinality(streams) THEN
    RETURN QUERY SELECT 0, 'all'::text, ''::text, 0, base;
    RETURN;
  END IF;

  RETURN QUERY
  WITH own AS MATERIALIZED (
    SELECT e.append, count(*) AS found, max(v.position) AS position
    FROM unnest(appends, places, ids) e(append, place, id)
    CROSS JOIN LATERAL (SELECT s.first, s.last FROM log.streams s WHERE s.stream = streams[e.append] LIMIT 1) s
    CROSS JOIN LATERAL (
      SELECT v.id, v.position FROM log.events v
      WHERE v.stream = streams[e.append] AND v.revision = expected[e.append] + e.place
        AND v.position BETWEEN s.first AND s.last
      LIMIT 1
    ) v
    WHERE e.append <> ALL (written) AND v.id = e.id
    GROUP BY e.append
  ), judged AS MATERIALIZED (
    SELECT a.nth::integer, a.expected, a.size, s.revision, s.last, o.position AS own, c.stream AS acted_in, c.revision AS acted_at,
      CASE
        WHEN a.nth = ANY (written) THEN 'appended'
        WHEN o.found = a.size THEN 'already-there'
        WHEN c.stream IS NOT NULL THEN 'command-known'
        ELSE 'conflict'
      END AS verdict
    FROM unnest(streams, expected, sizes, commands) WITH ORDINALITY a(stream, expected, size, command, nth)
    LEFT JOIN own o ON o.append = a.nth
    LEFT JOIN LATERAL (SELECT s.revision, s.last FROM log.streams s WHERE s.stream = a.stream LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT c.stream, c.revision FROM log.command_ids c WHERE c.command = a.command LIMIT 1) c ON true
  )
  SELECT j.nth, j.verdict, j.acted_in,
    CASE j.verdict
      WHEN 'already-there' THEN j.expected + j.size
      WHEN 'command-known' THEN j.acted_at
      ELSE coalesce(j.revision, -1)
    END,
    CASE j.verdict WHEN 'appended' THEN j.last ELSE j.own END
  FROM judged j;
END $$;

REVOKE EXECUTE ON FUNCTION log.append, log.extend FROM PUBLIC;
