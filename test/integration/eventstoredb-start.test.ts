import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { reachEventStoreDb } from '../../src/adapters/eventstoredb/reach-eventstoredb.js';
import { openEngines } from '../../src/app/engines.js';
import { loadConfig } from '../../src/config.js';
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

  it('when no server is there', async () => {
    const { port } = standIn;
    await standIn.goAway();
    expect(await refusal(at(port))).toMatch(
      `EVENT_LOG_URL: cannot reach EventStoreDB at 127.0.0.1:${port}: no EventStoreDB answers there`,
    );
  });

  it('when the server does not speak with encryption', async () => {
    expect(await refusal(at(standIn.port, ''))).toMatch(/with or without TLS/);
  });

  it('when the server does not answer', async () => {
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

describe('a server with a certificate', () => {
  const directories: string[] = [];
  afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

  /** Signed by itself, for a host that OpenSSL calls by this name. */
  async function withCertificate(subjectAltName: string) {
    const directory = await mkdtemp(join(tmpdir(), 'verbatim-certificate-'));
    directories.push(directory);
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    const words = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2'];
    const subject = ['-subj', '/CN=eventstoredb-node', '-addext', `subjectAltName=${subjectAltName}`];
    await promisify(execFile)('openssl', [...words, ...subject, '-keyout', key, '-out', certificate]);
    const tls = { key: await readFile(key), certificate: await readFile(certificate) };
    return { file: certificate, server: await startStandIn({ tls }) };
  }

  it('that is not trusted is refused, with the reason and the option that names its authority', async () => {
    const { server } = await withCertificate('IP:127.0.0.1');
    await expect(reachEventStoreDb(server.url)).rejects.toThrow(
      /its certificate is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\): let tlsCAFile name the certificate of its/,
    );
    await server.stop();
  });

  it('that is for another host is refused, with the reason', async () => {
    const { server, file } = await withCertificate('DNS:eventstoredb-node');
    await expect(reachEventStoreDb(`${server.url}&tlsCAFile=${file}`)).rejects.toThrow(
      /its certificate is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    );
    await server.stop();
  });

  it('whose authority tlsCAFile names is reached by its number, without a warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const { server, file } = await withCertificate('IP:127.0.0.1');
    const { log } = await reachEventStoreDb(`${server.url}&tlsCAFile=${file}`);
    expect(await log.append(newStream(), 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    await log.close();
    await server.stop();
    process.off('warning', note);
    expect(warnings).toEqual([]);
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
