/** A table with the columns of log.events and a primary key, which checks nothing else. Positions come from a sequence. */
export const createPlainTable = (name) => `CREATE TABLE ${name} (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stream text COLLATE "C" NOT NULL,
  revision integer NOT NULL CHECK (revision >= 0),
  id uuid NOT NULL,
  type text COLLATE "C" NOT NULL,
  schema integer NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  data json NOT NULL,
  meta json NOT NULL,
  bytes integer NOT NULL
)`;

const COLUMNS = ['stream', 'revision', 'id', 'type', 'schema', 'tenant', 'at', 'data', 'meta', 'bytes'];

/** A statement that a connection prepares once. It takes the values of so many rows. */
export function insertInto(name, rows) {
  const row = (nth) => `(${COLUMNS.map((_, column) => `$${nth * COLUMNS.length + column + 1}`).join(',')})`;
  const text = `INSERT INTO ${name} (${COLUMNS}) VALUES ${Array.from({ length: rows }, (_, nth) => row(nth))}`;
  return { name: `insert ${rows}`, text };
}

export const rowOf = (stream, revision, { id, type, schema, tenant, at, data, meta }) => [
  ...[stream, revision, id, type, schema, tenant, at, data, meta],
  Buffer.byteLength(data) + Buffer.byteLength(meta),
];
