import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CommanderError } from 'commander';
import { parsePosition, positionBack, shownPosition } from '../../../src/adapters/postgres/position.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { Api } from '../../../src/cli/api.js';
import type { CommandParts } from '../../../src/cli/command-parts.js';
import { CommandFailed, exitCodeOf, UsageError } from '../../../src/cli/failures.js';
import type { OpenedLog } from '../../../src/cli/opened-log.js';
import { programOf } from '../../../src/cli/program.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NotePublicKey, NoteSigner, openNote } from '../../../src/formats/record-1/note.js';
import { SigningKeys } from '../../../src/formats/record-1/signing-keys.js';
import { type AnsweringServer, answering, type PlannedAnswer } from '../../support/answering-server.js';
import { ChatLog } from '../../support/chat-log.js';
import { collected } from '../../support/collected-output.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { appendAtEnd, newDelta, newDeltas } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';
import { until } from '../../support/until.js';

/** Runs one command: what it wrote, and what it threw. */
async function commanded(words: string, parts: Partial<CommandParts> = {}) {
  const [out, err] = [collected(), collected()];
  let now = 0;
  const clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const none = () => {
    throw new Error('not asked for');
  };
  const program = programOf({
    ...{
      version: '1.2.3',
      out,
      err,
      clock,
      serve: none,
      migrate: none,
      api: none,
      projections: none,
      openLog: none,
      openRecord: none,
      recordKeyFile: none,
      keepFile: none,
      witness: none,
      restored: none,
      copyLog: none,
      backUp: none,
      restore: none,
    },
    ...parts,
  });
  const error = await program.parseAsync(words.split(' '), { from: 'user' }).then(
    () => undefined,
    (thrown) => thrown,
  );
  return { out: out.text(), bytes: out.bytes(), err: err.text(), error };
}

const KEY = `vb_admin_${'k3y'.repeat(20)}`;
const apiOf = ({ url }: AnsweringServer) => ({ api: async () => new Api({ url, key: KEY }) });
const json = (value: unknown, status = 200): PlannedAnswer => ({
  status,
  headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' },
  body: JSON.stringify(value),
});

/** As a log on Postgres has them. */
const positions: OpenedLog['positions'] = {
  parse: parsePosition,
  show: shownPosition,
  back: async (...args) => positionBack(...args),
};

/** Tests of their own see what is recorded. */
const recordLook = async () => {};

describe('the command line', () => {
  // Help ends with the code that the process has so far, and here that may be what another test has left.
  beforeEach(() => {
    process.exitCode = undefined;
  });

  it.each([
    [''],
    ['nope'],
    ['projections'],
    ['projections nope'],
    ['projections rebuild'],
    ['projections list extra'],
    ['projections list --nope'],
    ['runs show'],
    ['runs request'],
    ['runs request x --json'],
    ['log show'],
    ['log show nostream'],
    ['log tail -n 0'],
    ['log tail -n 1001'],
    ['log tail -n 3 --from 1'],
    ['log tail --category Big'],
  ])('takes "%s" for a mistake, says so, and does nothing', async (words) => {
    const { out, err, error } = await commanded(words);
    expect(error).toBeInstanceOf(CommanderError);
    expect(exitCodeOf(error)).toBe(2);
    expect(err).not.toBe('');
    expect(out).toBe('');
  });

  it.each([
    ['projections replay', /^Name a projection and a stream/],
    ['projections replay runs', /^Name a projection and a stream/],
    ['projections replay runs conversation-1 --all', /^Name a projection and a stream/],
    ['runs show ..', /neither a name nor an id/],
    ['runs request .', /neither a name nor an id/],
    ['log tail --from nowhere', /not a position/],
  ])('ends "%s" with exit code 2 and a reason, and asks no server', async (words, reason) => {
    await answering(json({}), async (server) => {
      const openLog = async () => ({ log: new MemoryEventLog(), positions, recordLook, close: async () => {} });
      const { error, out } = await commanded(words, { ...apiOf(server), openLog });
      expect([exitCodeOf(error), error.message, out]).toEqual([2, expect.stringMatching(reason), '']);
      expect(server.asked).toEqual([]);
    });
  });

  it.each([
    ['runs list --from yesterday', 400, 'invalid_request', 2],
    ['runs list --before x', 400, 'cursor_invalid', 2],
    ['runs show g1', 404, 'run_not_found', 1],
    ['projections list', 403, 'forbidden', 1],
    ['projections rebuild runs', 503, 'unavailable', 1],
  ])('ends "%s" that the server answers with %i %s with exit code %i', async (words, status, code, exitCode) => {
    await answering(json({ title: 'No', code }, status), async (server) => {
      expect(exitCodeOf((await commanded(words, apiOf(server))).error)).toBe(exitCode);
    });
  });

  it.each([['--help'], ['help runs'], ['log tail --help'], ['--version']])('answers %s', async (words) => {
    const { out, error } = await commanded(words);
    expect(exitCodeOf(error)).toBe(0);
    expect(out).toMatch(/Usage: verbatim|1\.2\.3/);
  });

  it('lists applied migrations', async () => {
    const migrate = async () => ({ database: 'a database', applied: ['0001-log.sql'] });
    expect((await commanded('migrate', { migrate })).out).toBe('applied 0001-log.sql\na database is up to date\n');
    expect(JSON.parse((await commanded('migrate --json', { migrate })).out)).toEqual(await migrate());
  });
});

const build = (facts: object = {}) => ({
  ...{
    build: 1,
    version: 1,
    state: 'following',
    position: '9',
    lag: { events: 0, distance: 0, seconds: 0, estimated: false },
  },
  ...{ handled: 10, poison: null },
  ...facts,
});
const poison = {
  reason: 'data: broken',
  event: { id: 'e', stream: 'conversation-1', revision: 3, type: 'MessageSent' },
};
const standing = (facts: object = {}) => ({ name: 'runs', ...build(), parked: [], rebuild: null, ...facts });

/** A server whose projection stands as said, the last one from then on. */
function projecting<T>(standings: readonly (object | 503)[], work: (server: AnsweringServer) => Promise<T>) {
  const left = [...standings];
  return answering((request) => {
    if (request.startsWith('POST')) return { status: 202, body: '' };
    const next = (left.length > 1 ? left.shift() : left[0]) as object | 503;
    return next === 503 ? json({ code: 'unavailable' }, 503) : json({ items: [next] });
  }, work);
}

describe('verbatim projections', () => {
  const asked = (words: string, ...standings: (object | 503)[]) =>
    projecting(standings, async (server) => ({
      ...(await commanded(`projections ${words}`, apiOf(server))),
      posts: server.asked.filter((request) => request.startsWith('POST')),
    }));

  it('list shows the progress of each, and why one has stopped', async () => {
    const stopped = standing({
      state: 'stopped',
      poison,
      lag: { events: 20_000, distance: 90_000, seconds: 1.2, estimated: true },
    });
    const { out } = await asked('list', stopped);
    const [head, row, why] = out.split('\n');
    expect(head?.split(/ {2,}/)).toEqual('NAME VERSION BUILD STATE LAG BEHIND HANDLED PARKED REBUILD'.split(' '));
    expect(row?.split(/ {2,}/)).toEqual(['runs', '1', '1', 'stopped', '20,000+', '2 s', '10', '0', '-']);
    expect(why).toBe('runs, build 1: data: broken (event 3 of conversation-1, MessageSent)');
    expect(JSON.parse((await asked('list --json', stopped)).out)).toEqual({ items: [stopped] });
  });

  describe('check', () => {
    const checked = async (handled: number, version = 1) => {
      const log = new MemoryEventLog('sparse');
      await log.append('conversation-1', 'none', [newDelta(), newDelta()]);
      await log.append('generation-1', 'none', [newDelta()]);
      await log.append('conversation-1', 1, [newDelta()]);
      const position = await log.head();
      // Not seen yet: nothing is missing.
      await log.append('conversation-1', 2, [newDelta()]);
      return projecting([standing({ position, handled, version })], (server) =>
        commanded('projections check', {
          ...apiOf(server),
          openLog: async () => ({ log, positions, recordLook, close: async () => {} }),
          projections: async () => [{ name: 'runs', version: 1, filter: { categories: ['conversation'] } }],
        }),
      );
    };

    it.each([
      [3, 0],
      [2, -1],
      [4, 1],
    ])('with %d of 3 events handled reports a difference of %d', async (handled, difference) => {
      const { out, error } = await checked(handled);
      expect(out.split('\n')[1]?.split(/ {2,}/)).toEqual(['runs', '1', `${handled}`, '3', `${difference}`]);
      expect(error instanceof CommandFailed).toBe(difference !== 0);
    });

    it('does not count events of projections of another version', async () => {
      expect((await checked(3, 2)).error).toBeInstanceOf(CommandFailed);
    });
  });

  const under = (handled: number, facts: object = {}) => standing({ rebuild: build({ build: 2, handled, ...facts }) });

  it('rebuild waits until the new build is live, also through a short outage of the server', async () => {
    const steps = [standing(), under(0), 503, under(5), under(10), standing({ build: 2 })] as const;
    const { out, err, error, posts } = await asked('rebuild runs', ...steps);
    expect(error).toBeUndefined();
    expect(posts).toEqual(['POST /api/v1/projections/runs/rebuild']);
    expect(err.match(/\d+%/g)).toEqual(['0%', '50%', '100%']);
    expect(out).toBe('runs: build 2 is live, with 10 events, after 1.0 s\n');
  });

  it('rebuild --json writes one object and nothing else', async () => {
    const { out, err } = await asked('rebuild runs --json', standing(), under(5), standing({ build: 2 }));
    expect(JSON.parse(out)).toMatchObject({ name: 'runs', state: 'live', build: 2, handled: 10, poison: null });
    expect(err).toBe('');
  });

  it.each(['rebuild runs', 'rebuild runs --json'])('%s fails when the new build stops', async (words) => {
    const { out, error } = await asked(words, standing(), under(5), under(5, { state: 'stopped', poison }));
    expect(error).toBeInstanceOf(CommandFailed);
    expect(error.message).toContain('data: broken (event 3 of conversation-1, MessageSent)');
    if (words.includes('json'))
      expect(JSON.parse(out)).toMatchObject({ state: 'stopped', build: 2, handled: 5, poison });
    else expect(out).toBe('');
  });

  it('rebuild waits for a build that replaces a stopped one until it reaches the position of that one', async () => {
    const [stopped, lag] = [
      { state: 'stopped', poison },
      { events: 3, distance: 3, seconds: 1, estimated: false },
    ];
    const swapped = standing({ build: 2, lag });
    const { error } = await asked(
      'rebuild runs',
      ...[standing({ ...stopped, lag }), under(5), swapped, standing({ build: 2, lag, ...stopped })],
    );
    expect(error.message).toMatch(/^The rebuild of runs has stopped/);
  });

  it('list shows the distance, and rebuild waits for its end, where the log counts no events', async () => {
    const lag = (distance: number) => ({ events: null, distance, seconds: 9, estimated: true });
    const { out } = await asked('list', standing({ lag: lag(123_456) }));
    expect(out.split('\n')[1]?.split(/ {2,}/)[4]).toBe('123,456 positions');
    const swapped = (distance: number) => standing({ build: 2, handled: 99, lag: lag(distance) });
    const steps = [standing({ lag: lag(70) }), under(5), swapped(50), swapped(0), standing({ build: 9 })];
    const { out: end, error } = await asked('rebuild runs --json', ...steps);
    expect(error?.message).toBeUndefined();
    expect(JSON.parse(end)).toMatchObject({ state: 'live', build: 2, handled: 99 });
  });

  it('rebuild ends with an error without progress, and if the build is gone', async () => {
    expect((await asked('rebuild runs', standing(), under(5))).error.message).toMatch(/No progress/);
    expect((await asked('rebuild runs', standing(), 503)).error.message).toMatch(/503/);
    expect((await asked('rebuild runs', standing(), under(5), standing())).error.message).toMatch(/is gone/);
  });

  it('rebuild refuses an unknown name without a request', async () => {
    const { error, posts } = await asked('rebuild nope', standing());
    expect(error.message).toBe('There is no projection "nope": there are runs');
    expect(posts).toEqual([]);
  });

  const parked = (replaying: boolean) =>
    standing({ parked: [{ stream: 'conversation-1', poison, at: '2026-01-02T03:04:05.678Z', replaying }] });

  it('parked lists parked streams with reasons', async () => {
    const { out } = await asked('parked', parked(false));
    expect(out).toMatch(
      /^PROJECTION .*\nruns +2026-01-02T03:04:05\.678Z +conversation-1\nconversation-1: data: broken/,
    );
    const { items } = JSON.parse((await asked('parked runs --json', parked(false))).out);
    expect(items).toEqual([
      { projection: 'runs', stream: 'conversation-1', poison, at: '2026-01-02T03:04:05.678Z', replaying: false },
    ]);
    expect((await asked('parked', standing())).out).toBe('Nothing is parked.\n');
  });

  it('replay waits for its result', async () => {
    const words = 'replay runs conversation-1';
    const { out, posts } = await asked(words, parked(true), parked(true), standing());
    expect(out).toBe('conversation-1 is replayed in runs\n');
    expect(posts).toEqual(['POST /api/v1/projections/runs/parked/conversation-1/replay']);
    const failed = await asked(`${words} --json`, parked(true), parked(true), parked(false));
    expect(failed.error.message).toMatch(/^conversation-1 is parked again: data: broken/);
    expect(JSON.parse(failed.out)).toMatchObject({ state: 'parked', poison });
  });

  it('replay --all waits for every stream that was parked, and counts those that are parked again', async () => {
    const streams = (...replaying: (boolean | null)[]) =>
      standing({
        parked: replaying.flatMap((each, nth) =>
          each === null ? [] : [{ stream: `conversation-${nth}`, poison, at: '2026', replaying: each }],
        ),
      });
    const steps = [streams(false, false), streams(false, false), streams(true, true), streams(null, true)];
    const well = await asked('replay --all', ...steps, streams(null, null));
    expect(well.out).toBe('runs: 2 streams replayed, 0 parked again\n');
    expect(well.posts).toEqual(['POST /api/v1/projections/runs/parked/replay']);
    const failed = await asked('replay runs --all --json', ...steps, streams(null, false));
    expect(JSON.parse(failed.out)).toEqual({ items: [{ name: 'runs', replayed: 1, parked: 1 }] });
    expect(failed.error.message).toBe('Streams are parked again in runs');
    const idle = await asked('replay --all', standing());
    expect([idle.out, idle.posts]).toEqual(['Nothing is parked.\n', []]);
  });
});

describe('verbatim runs', () => {
  const run = {
    ...{
      id: 'g1',
      conversation: 'c1',
      message: 'm1',
      requestedAt: '2026',
      user: 'ada',
      provider: 'demo',
      model: 'demo',
    },
    ...{ modelServed: null, params: null, promptSha256: null, usage: null, cost: null, ttftMs: null, durationMs: 1200 },
    ...{ status: 'error', finishReason: null, attempt: null, lineage: ['g0', 'g1'] },
    error: { kind: 'interrupted', message: 'it\u001b[2J died' },
  };

  it('list sends its filters, and shows how to get the next page', async () => {
    await answering(json({ items: [run], next: 'token' }), async (server) => {
      const { out, err } = await commanded('runs list --q a&b --limit 1 --user ada', apiOf(server));
      expect(server.asked).toEqual(['GET /api/v1/runs?q=a%26b&limit=1&user=ada']);
      expect(out.split('\n')[1]?.split(/ {2,}/)).toEqual('g1|2026|error|ada|demo|-|-|1,200 ms'.split('|'));
      expect(err).toBe('There are more: --before token\n');
    });
  });

  it('show has all known fields, without control characters', async () => {
    const events = [{ cursor: '3:0', type: 'GenerationRequested', at: '2026' }];
    await answering(json({ ...run, events }), async (server) => {
      const { out } = await commanded('runs show g1', apiOf(server));
      expect(out).toContain('interrupted: it\\u{1b}[2J died');
      expect(out).toContain('lineage        g0 > g1');
      expect(out).toMatch(/3:0 +2026 +GenerationRequested/);
      expect(JSON.parse((await commanded('runs show g1 --json', apiOf(server))).out)).toEqual({ ...run, events });
    });
  });

  const bytes = Buffer.from([0, 255, 10, 123, 13, 10]);
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const requested = (headers: Record<string, string>) =>
    answering({ headers, body: bytes }, (server) => commanded('runs request g1', apiOf(server)));

  it('request writes the bytes and nothing else', async () => {
    const { bytes: written, error } = await requested({ 'repr-digest': digest });
    expect(error).toBeUndefined();
    expect(written).toEqual(bytes);
  });

  it.each([[{ 'repr-digest': digest.replace(/:./, ':!') }], [{}]])(
    'request writes nothing with %j',
    async (headers) => {
      const { bytes: written, error } = await requested(headers as Record<string, string>);
      expect(error).toBeInstanceOf(CommandFailed);
      expect(written).toHaveLength(0);
    },
  );
});

describe('verbatim log', () => {
  async function withLog(work: (parts: Pick<CommandParts, 'openLog'>, log: MemoryEventLog) => Promise<void>) {
    const log = new MemoryEventLog();
    let open = 0;
    const openLog: CommandParts['openLog'] = async () => {
      open++;
      return { log, positions, recordLook, close: async () => void open-- };
    };
    await work({ openLog }, log);
    expect(open).toBe(0);
  }
  const places = (out: string) =>
    out
      .split('\n')
      .filter(Boolean)
      .map((line) => Number(line.split(' ')[0]));

  it('tail shows the newest, oldest first, however rare they are', async () => {
    await withLog(async (parts, log) => {
      for (let nth = 0; nth < 3; nth++) await log.append(`tenant-${nth}`, 'none', [newDelta()]);
      for (let nth = 0; nth < 100; nth++) await log.append(`generation-${nth}`, 'none', newDeltas(1));
      expect(places((await commanded('log tail -n 2', parts)).out)).toEqual([102, 103]);
      expect(places((await commanded('log tail', parts)).out)).toHaveLength(20);
      expect(places((await commanded('log tail -n 1000', parts)).out)).toHaveLength(103);
      expect(places((await commanded('log tail -n 2 --category tenant', parts)).out)).toEqual([2, 3]);
      expect(places((await commanded('log tail --from 101', parts)).out)).toEqual([102, 103]);
      expect((await commanded('log tail --from 200', parts)).out).toBe('');
      expect((await commanded('log tail --from x', parts)).error).toBeInstanceOf(UsageError);
    });
  });

  it('tail shows the newest event that passes, however many others follow it', async () => {
    await withLog(async (parts, log) => {
      await appendAtEnd(log, 'tenant-x', newDeltas(3));
      for (let others = 0; others < 20; others++) {
        expect(places((await commanded('log tail -n 1 --category tenant', parts)).out)).toEqual([3]);
        await appendAtEnd(log, 'generation-x', [newDelta()]);
      }
    });
  });

  it('tail of an empty log shows nothing', async () => {
    await withLog(async (parts) => {
      expect(await commanded('log tail', parts)).toMatchObject({ out: '', error: undefined });
    });
  });

  it('tail --follow shows each event once, as it comes, and ends when it cannot be written', async () => {
    await withLog(async (parts, log) => {
      await log.append('tenant-a', 'none', newDeltas(3));
      const shown: number[] = [];
      const out = {
        isTerminal: false,
        write: async (text: string | Uint8Array) => {
          shown.push(...places(String(text)));
          if (shown.length < 8) await appendAtEnd(log, 'tenant-b', [newDelta()]);
          if (shown.length === 8) throw new Error('closed');
        },
      };
      const { error } = await commanded('log tail -n 2 --follow', { ...parts, out });
      expect(error.message).toBe('closed');
      expect(shown).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    });
  });

  it('show has all events of a stream, and fails when there is none', async () => {
    await withLog(async (parts, log) => {
      await log.append('tenant-a', 'none', newDeltas(3));
      const lines = (await commanded('log show tenant-a --json', parts)).out.trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line).data.text)).toEqual(['0', '1', '2']);
      expect((await commanded('log show tenant-b', parts)).error.message).toBe('There is no stream tenant-b');
    });
  });
});

describe('verbatim record', () => {
  async function withRecord(work: (parts: Pick<CommandParts, 'openRecord'>, ground: NotaryGround) => Promise<void>) {
    const ground = new NotaryGround();
    let open = 0;
    const openRecord: CommandParts['openRecord'] = async () => {
      open++;
      return {
        log: ground.log,
        record: ground.record,
        keys: { find: () => new Map() },
        recordLook: async () => {},
        outside: await ground.outside(),
        close: async () => void open--,
      };
    };
    await (await new ChatLog(ground.log, 'c1').started()).sent('m1', 'Hello');
    const notary = ground.start();
    await ground.signed();
    await notary.stop();
    await work({ openRecord }, ground);
    expect(open).toBe(0);
  }

  it('check shows each tree, and succeeds when the record is what the log makes', async () => {
    await withRecord(async (parts) => {
      const tree = { tenant: 'default', size: 2, stored: 2, signed: 2, mistakes: [] };
      const { out, error } = await commanded('record check --json', parts);
      expect([JSON.parse(out), error]).toEqual([{ items: [tree], verified: true }, undefined]);
      expect((await commanded('record check', parts)).out).toMatch(/TENANT .*\ndefault +2 +2 +2 +0\n$/);
    });
  });

  it('check says where no signing key is known, and that it verified no signature', async () => {
    await withRecord(async ({ openRecord }) => {
      const keyless = async () => {
        const opened = await openRecord();
        return { ...opened, outside: { ...opened.outside, keys: undefined } };
      };
      const { out, err, error } = await commanded('record check --json', { openRecord: keyless });
      expect([JSON.parse(out).verified, error]).toEqual([false, undefined]);
      expect(err).toMatch(/^No signing key is known here/);
      expect((await commanded('record check', { openRecord })).err).toBe('');
    });
  });

  it('check names what is wrong, and fails', async () => {
    await withRecord(async (parts, { record }) => {
      const [entry] = await record.entries('default', 0, 1);
      record.entries = async (_, from) => (entry && from === 0 ? [{ ...entry, leaf: '{}' }] : []);
      const { out, error } = await commanded('record check', parts);
      expect(out).toContain('default: entry 0 is not that of event 0 of conversation-c1\n');
      expect([exitCodeOf(error), error.message]).toEqual([1, 'The record differs from the log for: default']);
    });
  });

  it('rebuild deletes the entries, and the notary makes the same ones again', async () => {
    await withRecord(async (parts, ground) => {
      const before = await ground.entries();
      await commanded('record rebuild', parts);
      expect(await ground.entries()).toEqual([]);
      ground.start({ holder: 'node-2' });
      await until(async () => (await ground.entries()).length === before.length);
      await ground.stop();
      expect(await ground.entries()).toEqual(before);
    });
  });

  describe('rotate-key', () => {
    const second = new NoteSigner(sha256('the second key'));
    const first = new NoteSigner(sha256('the key'));

    /** A file with the key of the ground. */
    function keyFile(onChanged: (keys: () => Promise<SigningKeys>) => void = () => {}) {
      let keys = new SigningKeys(first);
      const calls: string[] = [];
      const recordKeyFile: CommandParts['recordKeyFile'] = async () => ({
        begin: async () => {
          calls.push('begin');
          keys = new SigningKeys(second, [first]);
          onChanged(async () => keys);
          return keys;
        },
        lost: async (publicKey) => {
          calls.push('lost');
          keys = new SigningKeys(second, [new NotePublicKey(publicKey)]);
          onChanged(async () => keys);
          return keys;
        },
        finish: async () => void calls.push('finish'),
      });
      return { recordKeyFile, calls };
    }

    it('ends the earlier key once a running notary has signed every tree with both', async () => {
      await withRecord(async (parts, ground) => {
        const { recordKeyFile, calls } = keyFile((keys) => void ground.start({ holder: 'node-2', keys }));
        const clock = { ...systemClock, sleep: () => systemClock.sleep(5) };
        const { out, error } = await commanded('record rotate-key --json', { ...parts, recordKeyFile, clock });
        expect([error, JSON.parse(out), calls]).toEqual([undefined, { rotated: true }, ['begin', 'finish']]);
        const last = await ground.record.lastNote('default');
        const origin = last?.note.split('\n', 1).join() as string;
        for (const key of [first, second]) expect(openNote(last?.note ?? '', key.verifierKey(origin))).toBeDefined();
        await ground.stop();
      });
    });

    it('keeps both keys and fails where no notary signs, and can be run again', async () => {
      await withRecord(async (parts) => {
        const { recordKeyFile, calls } = keyFile();
        const { error } = await commanded('record rotate-key', { ...parts, recordKeyFile });
        expect([exitCodeOf(error), error.message]).toEqual([
          1,
          expect.stringMatching(/^The new key has not signed 1 trees yet, the first of default\. /),
        ]);
        expect(calls).toEqual(['begin']);
      });
    });

    it('names a lost key by its verifier key, and refuses another text', async () => {
      await withRecord(async (parts, ground) => {
        const { recordKeyFile, calls } = keyFile((keys) => void ground.start({ holder: 'node-2', keys }));
        const lost = (await ground.record.lastNote('default'))?.verifierKey as string;
        expect((await commanded('record rotate-key --lost x+y+z', { ...parts, recordKeyFile })).error).toBeInstanceOf(
          UsageError,
        );
        const clock = { ...systemClock, sleep: () => systemClock.sleep(5) };
        const { error } = await commanded(`record rotate-key --lost ${lost}`, { ...parts, recordKeyFile, clock });
        await ground.stop();
        expect([error, calls]).toEqual([undefined, ['lost', 'finish']]);
        expect((await ground.record.keyEnds('default')).map(({ verifierKey }) => verifierKey)).toEqual([lost]);
      });
    });
  });
});

describe('verbatim keys rotate', () => {
  const rotation = (state: string, done: number, total = 200) => ({
    ...{ generation: 2, beganAt: '2026-01-12T09:30:26.001Z', state, keys: { done, total } },
    copiesUnreadableAt: state === 'done' ? '2026-01-12T09:30:29.000Z' : null,
  });

  /** The answers to GET, one after the other; the last one again and again. */
  function rotating<T>(answers: readonly (object | 503)[], work: (server: AnsweringServer) => Promise<T>): Promise<T> {
    let asked = 0;
    return answering((request) => {
      if (request === 'POST /api/v1/keys/rotate-master') return json(rotation('running', 0), 202);
      const answer = answers[Math.min(asked++, answers.length - 1)];
      return answer === 503 ? json({ code: 'unavailable', title: 'Away' }, 503) : json(answer);
    }, work);
  }

  it('shows progress until the old master key is destroyed, also through a short outage', async () => {
    const answers = [rotation('running', 0), 503, rotation('running', 100), rotation('done', 200)] as const;
    const { out, err, error } = await rotating(answers, (server) => commanded('keys rotate', apiOf(server)));
    expect(error).toBeUndefined();
    expect(err).toBe('keys:   0%  0 of 200 keys\nkeys:  50%  100 of 200 keys\n');
    expect(out).toBe(
      'The master key has generation 2, and 200 keys are wrapped under it.\n' +
        'The old master key was destroyed at 2026-01-12T09:30:29.000Z: older copies of keys are unreadable.\n',
    );
  });

  it('says what is left to the operator of a master key in the environment', async () => {
    const { out } = await rotating([rotation('waiting', 200)], (server) => commanded('keys rotate', apiOf(server)));
    expect(out).toContain('Now remove the old master key from VERBATIM_MASTER_KEY');
  });

  it('writes one object with --json, and nothing else', async () => {
    const answers = [rotation('running', 0), rotation('done', 200)];
    const { out, err } = await rotating(answers, (server) => commanded('keys rotate --json', apiOf(server)));
    expect(JSON.parse(out)).toEqual(rotation('done', 200));
    expect(err).toBe('');
  });

  it('fails when no process makes progress, and names the role', async () => {
    const { error } = await rotating([rotation('running', 0)], (server) => commanded('keys rotate', apiOf(server)));
    expect(error).toBeInstanceOf(CommandFailed);
    expect(error.message).toContain('does a process with the role projections run?');
  });
});
