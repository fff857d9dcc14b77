-- The same function as before, with one plan at any size of the log, and with the rights of its owner.
CREATE OR REPLACE FUNCTION log.append(
  optimistic boolean,
  streams text[], expected integer[], sizes integer[],
  event_streams text[], event_revisions integer[],
  ids uuid[], types text[], schemas integer[], tenants text[], ats timestamptz[], datas json[], metas json[], bytes_of_each integer[]
) RETURNS TABLE (append integer, verdict text, revision integer, "position" bigint)
LANGUAGE plpgsql
-- Runs with the rights of the owner: who may call it needs no right to change the tables of the log. The fixed path keeps
-- the caller's functions and operators out of it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A connection keeps the plan of its first calls, which may be those on an empty log. So only one plan is possible: each
-- access to the events is a lookup in an index (LATERAL with LIMIT keeps it apart), and each other join compares hashes.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
  base bigint;
  written bigint;
BEGIN
  -- Streams only grow: a revision that exists before the lock is taken exists under it too, so others need not wait.
  optimistic := optimistic AND NOT EXISTS (
    SELECT FROM unnest(streams, expected) a(stream, expected)
    LEFT JOIN LATERAL (
      SELECT true AS found FROM log.events e WHERE e.stream = a.stream AND e.revision = a.expected LIMIT 1
    ) e ON true
    WHERE a.expected >= 0 AND e.found IS NULL
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
      SELECT s.append::integer, s.before, s.before + p.place AS nth
      FROM (
        SELECT s.append, s.size, sum(s.size) OVER (ORDER BY s.append) - s.size AS before
        FROM unnest(sizes) WITH ORDINALITY s(size, append)
      ) s CROSS JOIN LATERAL generate_series(1, s.size) p(place)
    ) a ON a.nth = n.nth
  ), standing AS MATERIALIZED (
    SELECT v.append, count(*) AS found, max(e.position) AS position, max(e.revision) AS revision,
      bool_and(e.stream = streams[v.append]) AND count(DISTINCT e.revision - v.place) = 1 AS contiguous
    FROM event v CROSS JOIN LATERAL (
      SELECT e.position, e.stream, e.revision FROM log.events e WHERE e.id = v.id LIMIT 1
    ) e
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

REVOKE EXECUTE ON FUNCTION log.append FROM PUBLIC;
