import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { type LogServer, startLogServer } from '../support/log-server.js';
import { newDelta, newStream } from '../support/new-events.js';
import { programOf } from '../support/programs.js';

/** What TEST_LOG_COMMAND may be: the stand-in as a process takes its port as the first argument. */
const COMMAND = `${process.execPath} ${programOf('stand-in-process')}`;

describe('a command that starts a server for a log', () => {
  it('is run once for each log, and its server is killed with all that it wrote', async () => {
    const servers = await Promise.all([startLogServer(COMMAND), startLogServer(COMMAND)]);
    const heads = await Promise.all(servers.map((server, nth) => headAfter(server, nth + 1)));
    expect(new Set(servers.map(({ url }) => url)).size).toBe(2);
    expect(new Set(heads).size).toBe(2);
    for (const { directory } of servers) expect(existsSync(directory)).toBe(true);
    await Promise.all(servers.map((server) => server.stop()));
    for (const { url } of servers) expect(await refuses(url)).toBe(true);
    for (const { directory } of servers) expect(existsSync(directory)).toBe(false);
  });

  it('fails a test with its own words when it ends at once', async () => {
    await expect(startLogServer('sh -c "echo no room >&2; exit 3"')).rejects.toThrow(/it has ended\nno room/);
  });
});

async function headAfter({ url }: LogServer, events: number): Promise<string> {
  const log = new EventStoreDbEventLog(serverAddress(url));
  for (let nth = 0; nth < events; nth++) await log.append(newStream(), 'none', [newDelta()]);
  const head = await log.head();
  await log.close();
  return head;
}

const refuses = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ port: Number(/:(\d+)\?/.exec(url)?.[1]), host: '127.0.0.1' });
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
