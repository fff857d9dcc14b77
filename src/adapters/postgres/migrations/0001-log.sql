-- The log. Rows are added and never touched again.
CREATE SCHEMA log;

-- One row that every append locks until its commit is flushed. So positions are gapless, and in the order of commits:
-- whoever sees a position sees every one before it.
CREATE TABLE log.head (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log.head (position) VALUES (0);

CREATE TABLE log.events (
  position bigint PRIMARY KEY,
  stream text COLLATE "C" NOT NULL,
  revision integer NOT NULL CHECK (revision >= 0),
  id uuid NOT NULL,
  type text COLLATE "C" NOT NULL,
  schema integer NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  -- json, not jsonb: texts come back as they were written, escaped NULs and the order of keys included.
  data json NOT NULL,
  meta json NOT NULL,
  -- What both weigh, so that a page can be cut to size without looking into texts that are stored apart.
  bytes integer NOT NULL,
  CONSTRAINT events_stream_revision UNIQUE (stream, revision),
  CONSTRAINT events_id UNIQUE (id)
);

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the log is append-only: % is refused', TG_OP;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Commits a batch of appends, at most one for each stream. Every append is judged alone: one conflict leaves the
-- others standing. Arrays over appends: stream, expected (-1: no stream, null: any), size (its number of events).
-- Arrays over events, append by append: the rest.
CREATE FUNCTION log.append(
  optimistic boolean,
  streams text[], expected integer[], sizes integer[],
  event_streams text[], event_revisions integer[],
  ids uuid[], types text[], schemas integer[], tenants text[], ats timestamptz[], datas json[], metas json[], bytes_of_each integer[]
) RETURNS TABLE (append integer, verdict text, revision integer, "position" bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  base bigint;
  written bigint;
BEGIN
  -- Streams only grow: a revision that stands before the lock is taken stands under it too, so others need not wait.
  optimistic := optimistic AND NOT EXISTS (
    SELECT 1 FROM unnest(streams, expected) a(stream, expected)
    WHERE a.expected >= 0
      AND NOT EXISTS (SELECT 1 FROM log.events e WHERE e.stream = a.stream AND e.revision = a.expected)
  );

  SELECT h.position INTO base FROM log.head h FOR UPDATE;

  -- Nearly always every expectation holds: then one insert is all, and the unique constraints are the check.
  IF optimistic THEN
    BEGIN
      INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
      SELECT base + n.nth, n.stream, n.revision, n.id, n.type, n.schema, n.tenant, n.at, n.data, n.meta, n.bytes
      FROM unnest(event_streams, event_revisions, ids, types, schemas, tenants, ats, datas, metas, bytes_of_each)
        WITH ORDINALITY n(stream, revision, id, type, schema, tenant, at, data, meta, bytes, nth);
      written := cardinality(ids);
      UPDATE log.head h SET position = base + written;
      NOTIFY verbatim_log;
      RETURN QUERY SELECT 0, 'all'::text, 0, base;
      RETURN;
    EXCEPTION WHEN unique_violation THEN
      NULL; -- Some append is a retry or out of date: judge each one below.
    END;
  END IF;

  RETURN QUERY
  WITH event AS MATERIALIZED (
    SELECT n.*, a.append, n.nth - a.before AS place
    FROM unnest(ids, types, schemas, tenants, ats, datas, metas, bytes_of_each)
      WITH ORDINALITY n(id, type, schema, tenant, at, data, meta, bytes, nth)
    JOIN (
      SELECT s.append::integer, sum(s.size) OVER (ORDER BY s.append) - s.size AS before, s.size
      FROM unnest(sizes) WITH ORDINALITY s(size, append)
    ) a ON n.nth > a.before AND n.nth <= a.before + a.size
  ), standing AS MATERIALIZED (
    SELECT v.append, count(*) AS found, max(e.position) AS position, max(e.revision) AS revision,
      bool_and(e.stream = streams[v.append]) AND count(DISTINCT e.revision - v.place) = 1 AS contiguous
    FROM event v JOIN log.events e ON e.id = v.id
    GROUP BY v.append
  ), judged AS MATERIALIZED (
    SELECT a.append::integer, a.stream, a.size, s.position, s.revision, coalesce(h.revision, -1) AS head,
      CASE
        WHEN s.found = a.size AND s.contiguous THEN 'already-there'
        WHEN s.found > 0 OR a.expected <> coalesce(h.revision, -1) THEN 'conflict'
        ELSE 'appended'
      END AS verdict
    FROM unnest(streams, expected, sizes) WITH ORDINALITY a(stream, expected, size, append)
    LEFT JOIN standing s ON s.append = a.append
    LEFT JOIN LATERAL (
      SELECT e.revision FROM log.events e WHERE e.stream = a.stream ORDER BY e.revision DESC LIMIT 1
    ) h ON true
  ), added AS (
    INSERT INTO log.events (position, stream, revision, id, type, schema, tenant, at, data, meta, bytes)
    SELECT base + row_number() OVER (ORDER BY v.nth), j.stream, j.head + v.place,
      v.id, v.type, v.schema, v.tenant, v.at, v.data, v.meta, v.bytes
    FROM event v JOIN judged j ON j.append = v.append AND j.verdict = 'appended'
    RETURNING stream, revision, position
  )
  SELECT j.append, j.verdict,
    coalesce(max(w.revision), CASE j.verdict WHEN 'already-there' THEN j.revision ELSE j.head END)::integer,
    coalesce(max(w.position), j.position)
  FROM judged j LEFT JOIN added w ON w.stream = j.stream
  GROUP BY j.append, j.verdict, j.revision, j.head, j.position;

  SELECT count(*) INTO written FROM log.events e WHERE e.position > base;
  IF written > 0 THEN
    UPDATE log.head h SET position = base + written;
    NOTIFY verbatim_log;
  END IF;
END $$;
