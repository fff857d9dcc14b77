import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { LogUnavailable } from '../../src/ports/errors.js';
import { launch } from './product.js';
import { until } from './until.js';

export interface LogServer {
  readonly url: string;
  /** Where it writes. */
  readonly directory: string;
  /** By SIGKILL, with all that it has written. */
  stop(): Promise<void>;
}

/** A server takes its time to begin, and a machine that starts several takes longer. */
const BEGINS_WITHIN_MS = 60_000;

/**
 * A server with an empty log. The command gets a free port and an empty directory as its last arguments, takes calls
 * without TLS at that port, and stays in the foreground.
 */
export async function startLogServer(command: string): Promise<LogServer> {
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-log-'));
  const port = await freePort();
  const words: [string, ...string[]] = ['/bin/sh', '-c', `exec ${command} "$@"`, 'sh', `${port}`, directory];
  const { child, output, ended } = launch(words, {});
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const url = `esdb://127.0.0.1:${port}?tls=false`;
  try {
    await until(async () => child.exitCode !== null || (await answers(url)), BEGINS_WITHIN_MS);
    if (child.exitCode !== null) throw new Error('it has ended');
  } catch (error) {
    await stop();
    throw new Error(`no server of ${command}: ${(error as Error).message}\n${output.out}${output.err}`);
  }
  return { url, directory, stop };
}

/** Not only that something takes connections: a server that has just begun refuses its first calls. */
async function answers(url: string): Promise<boolean> {
  const log = new EventStoreDbEventLog(serverAddress(url));
  try {
    await log.head();
    return true;
  } catch (error) {
    if (error instanceof LogUnavailable) return false;
    throw error;
  } finally {
    await log.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
