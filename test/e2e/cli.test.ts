import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runningPostgres } from '../../src/adapters/postgres/embedded/running-postgres.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { ApiClient } from '../support/api-client.js';
import { appendAtEnd, newDelta } from '../support/new-events.js';
import { withClient } from '../support/postgres-cluster.js';
import { command, type Product, processesNaming, started } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const SECRET = 'c11'.repeat(20);
const KEY = `vb_admin_${SECRET}`;

async function verbatim(environment: Record<string, string>, ...words: string[]) {
  const { output, ended } = command(environment, ...words);
  return { code: await ended, ...output };
}

describe('the program that npx runs', () => {
  it('is in the checkout, can be executed, and answers without a database or a server', () => {
    const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const program = join(process.cwd(), bin.verbatim);
    expect(statSync(program).mode & 0o111).toBe(0o111);
    const { status, stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('the command line of a running product', () => {
  let over: () => void;
  let done: Promise<void>;
  let product: Product;
  let environment: Record<string, string>;
  let conversation: string;
  let generation: string;

  const ask = (...words: string[]) => verbatim(environment, ...words);
  const askServer = (...words: string[]) => ask(...words, '--url', product.address);

  beforeAll(async () => {
    await new Promise<void>((ready, failed) => {
      done = withTemporaryDirectory(async (dataDir) => {
        environment = { VERBATIM_DATA_DIR: dataDir, VERBATIM_ADMIN_KEY: KEY, LOG_LEVEL: 'fatal' };
        const migrated = await ask('migrate', '--json');
        expect(JSON.parse(migrated.out).applied.length).toBeGreaterThan(4);
        expect(processesNaming(dataDir)).toEqual([]);

        product = await started(command(environment, 'serve'));
        try {
          await converse();
          await new Promise<void>((resolve) => {
            over = resolve;
            ready();
          });
        } finally {
          await product.stop();
        }
      });
      done.catch(failed);
    });
  });
  afterAll(async () => {
    over?.();
    await done;
  });

  async function converse(): Promise<void> {
    const client = new ApiClient(product.address, KEY);
    conversation = (await client.ask('POST', '/conversations', { title: 'One' })).id;
    const sent = await client.ask('POST', `/conversations/${conversation}/messages`, { content: 'What?\u0007' });
    generation = sent.generationId;
    await until(async () => (await client.ask('GET', `/runs/${generation}`)).status === 'final');
  }

  it('lists projections and rebuilds one', async () => {
    const { code, out, err } = await askServer('projections', 'rebuild', 'messages');
    expect([code, err.split('\n').at(-2)]).toEqual([0, expect.stringMatching(/^messages: 100% /)]);
    expect(out).toMatch(/^messages: build 2 is live, with \d+ events/);
    const listed = JSON.parse((await askServer('projections', 'list', '--json')).out).items;
    const builds = listed.map(({ name, build }: { name: string; build: number }) => [name, build]);
    expect(Object.fromEntries(builds)).toMatchObject({ messages: 2, runs: 1 });
  });

  it('lists runs, shows one, and writes the bytes that were sent', async () => {
    expect(JSON.parse((await askServer('runs', 'list', '--json')).out).items).toMatchObject([{ id: generation }]);
    const shown = await askServer('runs', 'show', generation);
    const sha256 = /prompt sha256 +(\S+)/.exec(shown.out)?.[1];
    const request = await askServer('runs', 'request', generation);
    expect(createHash('sha256').update(request.out).digest('hex')).toBe(sha256);
    expect(JSON.parse(request.out).messages.at(-1).content).toBe('What?\u0007');
  });

  it('reads the log beside the server, and migrates nothing under it', async () => {
    const shown = await ask('log', 'show', `conversation-${conversation}`, '--json');
    expect([shown.code, shown.err]).toEqual([0, '']);
    const events = shown.out.trimEnd().split('\n');
    expect(events.map((line) => JSON.parse(line).revision)).toEqual([0, 1, 2, 3, 4]);
    const tail = (await ask('log', 'tail', '-n', '1', '--category', 'conversation')).out;
    expect(tail).toMatch(/^\d+ {2}\S+Z {2}conversation-\S+ 4 {2}GenerationFinalized {2}\{.*\n$/);

    const migrate = await ask('migrate');
    expect(migrate.code).toBe(1);
    expect(migrate.err).toMatch(/^error: The data directory \S+ is in use by another process: .*\n$/);
  });

  it('follows the log, and ends quietly with its reader', async () => {
    const following = command(environment, 'log', 'tail', '-n', '1', '--follow', '--json');
    await until(() => following.output.out.includes('\n'));
    const { id } = await new ApiClient(product.address, KEY).ask('POST', '/conversations', { title: 'Two' });
    await until(() => following.output.out.includes(`"stream":"conversation-${id}"`));
    following.child.stdout?.destroy();
    await new ApiClient(product.address, KEY).ask('POST', '/conversations', { title: 'Three' });
    expect([await following.ended, following.output.err]).toEqual([0, '']);
  });

  it('ends with 1 for a failure and with 2 for a wrong usage, with one line that lacks the key', async () => {
    const wrong = { ...environment, PORT: '1' };
    const failures = await Promise.all([
      askServer('projections', 'rebuild', 'nope'),
      askServer('runs', 'request', 'nope'),
      ask('log', 'show', 'conversation-nope'),
      verbatim(wrong, 'projections', 'list'),
      verbatim({ ...wrong, VERBATIM_ADMIN_KEY: SECRET }, 'projections', 'list'),
    ]);
    expect(failures.map(({ code }) => code)).toEqual([1, 1, 1, 1, 1]);
    const mistakes = await Promise.all([
      askServer('projections', 'list', '--key', SECRET),
      ask('log', 'tail', '--from', 'x'),
      ask('runs'),
      askServer('runs', 'list', '--status', 'nope'),
      askServer('projections', 'replay', 'runs'),
    ]);
    expect(mistakes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
    for (const { out, err } of [...failures, ...mistakes]) {
      expect([out, err === '']).toEqual(['', false]);
      expect(err).not.toContain(SECRET);
    }
    for (const { err } of failures.slice(0, 4)) expect(err).toMatch(/^error: .+\n$/);
  });

  it('finds events that a read model skipped, although nothing is behind', async () => {
    const client = new ApiClient(product.address, KEY);
    const standing = async () => {
      const { items } = await client.ask('GET', '/projections');
      return items.find(({ name }: { name: string }) => name === 'conversations');
    };
    const settled = () => until(async () => (await standing()).lag.events === 0);
    await settled();
    const whole = await askServer('projections', 'check');
    expect([whole.code, whole.err]).toEqual([0, '']);
    expect(whole.out).toMatch(/^conversations +1 +(\d+) +\1 +0$/m);

    // As if the lane had skipped two events.
    const connection = await runningPostgres(join(environment.VERBATIM_DATA_DIR ?? '', 'postgres'));
    const sql = "UPDATE views.builds SET handled = handled - 2 WHERE projection = 'conversations' AND state = 'live'";
    await withClient(connection ?? {}, (database) => database.query(sql));
    const { code, out, err } = await askServer('projections', 'check', '--json');
    expect([code, err]).toEqual([1, 'error: Differs from the log: conversations. Rebuild it\n']);
    for (const { name, handled, expected } of JSON.parse(out).items) {
      expect([name, expected - handled]).toEqual([name, name === 'conversations' ? 2 : 0]);
    }

    expect((await askServer('projections', 'rebuild', 'conversations')).code).toBe(0);
    expect((await askServer('projections', 'check', 'conversations')).code).toBe(0);
  });

  it('shows a stream whose event cannot be applied, replays it, and reports that a rebuild stops at it', async () => {
    const stream = `conversation-${conversation}`;
    const cluster = join(environment.VERBATIM_DATA_DIR ?? '', 'postgres');
    const connection = await runningPostgres(cluster);
    const log = new PostgresEventLog(connection ?? {});
    const meta = JSON.stringify({ ...JSON.parse(newDelta().meta), conversation });
    await appendAtEnd(log, stream, [{ ...newDelta(), meta, type: 'MessageSent', data: '{"broken":true}' }]);
    await log.close();

    const client = new ApiClient(product.address, KEY);
    await until(async () => {
      const { items } = await client.ask('GET', '/projections');
      const states = items.map(({ state }: { state: string }) => state);
      return states.filter((state: string) => state !== 'following').length === 4;
    });
    const parked = JSON.parse((await askServer('projections', 'parked', '--json')).out).items;
    expect(parked).toMatchObject([
      { projection: 'conversations', stream },
      { projection: 'messages', stream },
    ]);
    const replayed = await askServer('projections', 'replay', 'messages', stream);
    expect([replayed.code, replayed.out]).toEqual([1, '']);
    expect(replayed.err).toMatch(/^error: conversation-\S+ is parked again: .+\n$/);
    const rebuilt = await askServer('projections', 'rebuild', 'runs', '--json');
    expect(rebuilt.code).toBe(1);
    expect(JSON.parse(rebuilt.out)).toMatchObject({ state: 'stopped', poison: { event: { stream } } });
    expect(rebuilt.err).toMatch(/^error: The rebuild of runs has stopped: .+\n$/);
  });

  // Last: it stops the product.
  it('reads the log also when no server runs, and leaves none running', async () => {
    await product.stop();
    expect((await ask('log', 'tail', '--follow')).err).toMatch(/^error: No server runs on /);
    const { code, out } = await ask('log', 'show', 'tenant-default', '--json');
    expect([code, out.split('\n')]).toEqual([0, [expect.stringContaining('TenantCreated'), expect.anything(), '']]);
    expect(processesNaming(environment.VERBATIM_DATA_DIR ?? 'none')).toEqual([]);
    expect((await verbatim({ VERBATIM_DATA_DIR: '/nonexistent' }, 'log', 'tail')).err).toBe(
      'error: There is no log in /nonexistent yet\n',
    );
  });
});
