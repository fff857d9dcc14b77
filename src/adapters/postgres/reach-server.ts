import pg from 'pg';
import { limits } from '../../limits.js';

export interface ReachedServer {
  readonly connection: pg.ClientConfig;
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
}

/** By classes of SQLSTATE. The server's messages would show the user and the database. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28': 'it refuses this user or this password',
  '3D': 'it has no such database',
  '53': 'it has no connection left',
  '57': 'it is starting or stopping',
};

/**
 * Checks that the server of a setting accepts a connection. An error names the setting, the host and the port, and nothing
 * else of the URL.
 */
export async function reachServer(url: string, setting = 'DATABASE_URL'): Promise<ReachedServer> {
  const connection = { connectionString: url };
  const client = clientOf({ ...connection, connectionTimeoutMillis: limits.connectDeadlineMs }, setting);
  const { host, port, database } = client;
  // An error after the connect is ignored: the next connection fails too. Without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`${setting}: cannot reach PostgreSQL at ${host}:${port}: ${reasonOf(error)}`);
  }
  await client.end();
  return { connection, host, port, database };
}

/** The driver reads the files of `sslrootcert` and similar options at once, and its errors name them. */
function clientOf(config: pg.ClientConfig, setting: string): pg.Client {
  try {
    return new pg.Client(config);
  } catch (error) {
    const { syscall, code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${setting}: ${syscall ? `a file that it names cannot be read (${code})` : message}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof pg.DatabaseError)) return (error as Error).message;
  const refusal = REFUSALS[error.code?.slice(0, 2) ?? ''] ?? 'it refuses the connection';
  return `${refusal} (SQLSTATE ${error.code})`;
}
