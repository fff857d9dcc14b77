import pg from 'pg';
import { limits } from '../../limits.js';

export interface ReachedServer {
  readonly connection: pg.ClientConfig;
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
}

/** By classes of SQLSTATE. The server's own words name the user and the database. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28': 'it refuses this user or this password',
  '3D': 'it has no such database',
  '53': 'it has no connection left',
  '57': 'it is starting or stopping',
};

/** Finds out whether the server that a URL names lets us in. Of the URL nothing is ever told but the host and the port. */
export async function reachServer(url: string): Promise<ReachedServer> {
  const connection = { connectionString: url };
  const client = clientOf({ ...connection, connectionTimeoutMillis: limits.connectDeadlineMs });
  const { host, port, database } = client;
  // A connection that dies after it was made is the next one's trouble; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`DATABASE_URL: cannot reach PostgreSQL at ${host}:${port}: ${reasonOf(error)}`);
  }
  await client.end();
  return { connection, host, port, database };
}

/** The driver reads the files of `sslrootcert` and its like at once, and names them when it cannot. */
function clientOf(config: pg.ClientConfig): pg.Client {
  try {
    return new pg.Client(config);
  } catch (error) {
    const { syscall, code, message } = error as NodeJS.ErrnoException;
    throw new Error(`DATABASE_URL: ${syscall ? `a file that it names cannot be read (${code})` : message}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof pg.DatabaseError)) return (error as Error).message;
  const refusal = REFUSALS[error.code?.slice(0, 2) ?? ''] ?? 'it refuses the connection';
  return `${refusal} (SQLSTATE ${error.code})`;
}
