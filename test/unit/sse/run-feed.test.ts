import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import type { Codec } from '../../../src/events/codec.js';
import { type Position, START } from '../../../src/events/envelope.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { RunFeed } from '../../../src/sse/run-feed.js';
import { ChatLog } from '../../support/chat-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec } from '../../support/new-events.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';

const AUDITOR = { tenant: 'acme', user: 'auditor', role: 'auditor' } as const;

describe('the feed of runs', () => {
  let log: MemoryEventLog;
  let live: LiveEvents;
  let decoded: string[];
  let counting: Codec;
  beforeEach(async () => {
    log = new MemoryEventLog();
    decoded = [];
    counting = {
      encode: codec.encode,
      decode(page) {
        decoded.push(...page.map(({ tenant, type }) => `${tenant} ${type}`));
        return codec.decode(page);
      },
    };
    const health = new RecordedHealth();
    live = new LiveEvents({ log, codec: counting, clock: systemClock, health, onDamage: () => {} });
    await live.start();
  });
  afterEach(() => live.stop());

  async function turnOf(tenant: string, id: string): Promise<void> {
    const chat = await new ChatLog(log, undefined, { tenant, owner: 'ada' }).started();
    await chat.turn(id, ['a', 'b', 'c', 'd']);
  }

  async function follow(after: Position, ended: AbortSignal, frames: string[]): Promise<void> {
    const feed = new RunFeed({ log, codec: counting, live }, AUDITOR);
    for await (const frame of feed.from(await feed.begin(after), ended)) frames.push(frame.toString());
  }

  const ITS_RUNS = ['acme GenerationFinalized', 'acme GenerationRequested'];

  it('decodes starts and ends of its tenant and no other event, while it reads what was before', async () => {
    for (const [nth, tenant] of ['acme', 'other', 'third', 'acme'].entries()) await turnOf(tenant, String(nth));
    const end = new AbortController();
    const frames: string[] = [];
    const following = follow(START, end.signal, frames);
    await until(() => frames.length === 4);
    end.abort();
    await following;
    expect(decoded.toSorted()).toEqual(ITS_RUNS.flatMap((each) => [each, each]));
  });

  it('decodes starts and ends of its tenant and no other event, once for all feeds, while it is live', async () => {
    const end = new AbortController();
    const all: string[][] = [[], [], []];
    const following = all.map(async (frames) => follow(await log.head(), end.signal, frames));
    await turnOf('acme', 'first');
    await until(() => all.every((frames) => frames.length === 2));
    decoded = [];
    for (const [nth, tenant] of ['other', 'acme', 'third'].entries()) await turnOf(tenant, String(nth));
    await until(() => all.every((frames) => frames.length === 4));
    expect(decoded.toSorted()).toEqual(ITS_RUNS);
    end.abort();
    await Promise.all(following);
    decoded = [];
    await turnOf('acme', 'last');
    await until(async () => (await log.head()) !== START);
    expect(decoded).toEqual([]);
  });

  /** As a process sees the event that was released before this version of it. */
  const newerEnd = () => {
    const { decode } = counting;
    counting.decode = async (page) => {
      const decoded = await decode(page);
      return page.map(({ type }, nth) => (type === 'GenerationFinalized' ? 'unknown' : decoded[nth])) as never;
    };
  };

  it('ends with an error at the end of a run that is of a newer version, while it reads what was before', async () => {
    await turnOf('acme', '1');
    newerEnd();
    const frames: string[] = [];
    await expect(follow(START, new AbortController().signal, frames)).rejects.toThrow(
      /GenerationFinalized v\d+, of a newer version/,
    );
    expect(frames).toHaveLength(1);
  });

  it('ends with an error at the end of a run that is of a newer version, while it is live', async () => {
    newerEnd();
    const frames: string[] = [];
    let reason = '';
    const following = follow(await log.head(), new AbortController().signal, frames).catch(({ message }) => {
      reason = message;
    });
    await turnOf('other', '1');
    await turnOf('acme', '2');
    await until(() => reason !== '');
    await following;
    expect(reason).toMatch(/GenerationFinalized v\d+, of a newer version/);
    expect(frames).toHaveLength(1);
  });

  it('is not ended by an event of another tenant that cannot be read', async () => {
    await turnOf('other', '1');
    await turnOf('acme', '2');
    const end = new AbortController();
    const frames: string[] = [];
    const { decode } = counting;
    counting.decode = async (page) => {
      if (page.some(({ tenant }) => tenant === 'other')) throw new Error('one is damaged');
      return decode(page);
    };
    const following = follow(START, end.signal, frames);
    await until(() => frames.length === 2);
    end.abort();
    await following;
  });
});
