import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { reachEventStoreDb } from '../../src/adapters/eventstoredb/reach-eventstoredb.js';
import { loadConfig } from '../../src/config.js';
import { openEngines } from '../../src/engines.js';
import { START } from '../../src/events/envelope.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';

let standIn: StandIn;
beforeEach(async () => {
  standIn = await startStandIn();
});
afterEach(() => standIn.stop());

describe('a start on EventStoreDB is refused, and says what was tried and no secret,', () => {
  const refusal = async (url: string): Promise<string> => {
    const error = await reachEventStoreDb(url).catch((reason: Error) => reason);
    if (!(error instanceof Error)) throw new Error('it was reached');
    expect(error.message).not.toMatch(/hunter2|somebody/);
    return error.message;
  };
  const at = (port: number, options = '?tls=false') => `esdb://somebody:hunter2@127.0.0.1:${port}${options}`;

  it('when nobody is there', async () => {
    const { port } = standIn;
    await standIn.goAway();
    expect(await refusal(at(port))).toMatch(
      `EVENT_LOG_URL: cannot reach EventStoreDB at 127.0.0.1:${port}: nobody answers there`,
    );
  });

  it('when the server does not speak with encryption', async () => {
    expect(await refusal(at(standIn.port, ''))).toMatch(/with tls or without it/);
  });

  it('when whoever is there says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    expect(await refusal(at((silent.address() as AddressInfo).port))).toMatch(/no answer within 8 s$/);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('when the server refuses the user', async () => {
    standIn.faults.refusesEveryone = true;
    expect(await refusal(at(standIn.port))).toMatch(/it refuses this user or this password$/);
  });

  it('when no node of a cluster is found', async () => {
    const url = at(standIn.port, '?tls=false&maxDiscoverAttempts=1').replace('esdb:', 'esdb+discover:');
    expect(await refusal(url)).toMatch(/no node of the cluster was found$/);
  });

  it('when the address has an option that there is not', async () => {
    expect(await refusal(at(standIn.port, '?tsl=false'))).toMatch(
      /^EVENT_LOG_URL: there is no option tsl here, only tls, /,
    );
  });
});

describe('views', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  const open = (connection: pg.ClientConfig, url?: string) => {
    const { user, database, host, port } = connection;
    const socket = `host=${encodeURIComponent(String(host))}&port=${port}`;
    const DATABASE_URL = `postgres://${user}@localhost/${database}?${socket}`;
    return openEngines(loadConfig({ DATABASE_URL, ...(url && { EVENT_LOG_URL: url }) }), () => {});
  };

  it('are built from the log that was there first, and from no other', async () => {
    const connection = await postgres.newDatabase();
    const engines = await open(connection, standIn.url);
    const stream = newStream();
    await engines.log.append(stream, 'none', [newDelta()]);
    expect(engines.logDescription).toBe(`EventStoreDB at 127.0.0.1:${standIn.port}`);
    await engines.close();

    const other = await startStandIn();
    const refusal = /were built from another log.*set EVENT_LOG_URL as it was.*name an empty database/s;
    await expect(open(connection, other.url)).rejects.toThrow(refusal);
    await expect(open(connection)).rejects.toThrow(refusal);
    // It may be the log of somebody else.
    expect(other.events).toEqual([]);
    await other.stop();

    const again = await open(connection, standIn.url);
    expect(await wholeStream(again.log, stream)).toHaveLength(1);
    expect(await again.log.head()).not.toBe(START);
    await again.close();
  });

  it('that a database has built from its own log are not built on from EventStoreDB', async () => {
    const connection = await postgres.newDatabase();
    await (await open(connection)).close();
    await expect(open(connection, standIn.url)).rejects.toThrow(/or unset it if the log was in the database/);
    await (await open(connection)).close();
  });
});
