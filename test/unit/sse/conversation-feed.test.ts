import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { ConversationFeed } from '../../../src/sse/conversation-feed.js';
import { ConversationHistory, type FeedEvent } from '../../../src/sse/conversation-history.js';
import { type Cursor, formatCursor } from '../../../src/sse/cursor.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { conversationScript } from '../../support/conversation-script.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { appendAtEnd, codec, newDelta, newEvent, someMetadata } from '../../support/new-events.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';

const CONVERSATION = 'c1';
const BEGINNING = { ledger: 0, tape: 0 };

interface OnLog {
  readonly log: MemoryEventLog;
  readonly live: LiveEvents;
  readonly damage: unknown[];
  /** Ids of events that do not reach the feeds live. */
  readonly unheard: Set<string>;
}

async function onLog(work: (on: OnLog) => Promise<void>) {
  const log = new MemoryEventLog();
  const unheard = new Set<string>();
  const subscribe = log.subscribe.bind(log);
  log.subscribe = async function* heard(...args) {
    for await (const page of subscribe(...args)) {
      yield { ...page, events: page.events.filter(({ id }) => !unheard.has(id)) };
    }
  };
  const damage: unknown[] = [];
  const health = new RecordedHealth();
  const live = new LiveEvents({ log, codec, clock: systemClock, health, onDamage: (error) => damage.push(error) });
  await live.start();
  try {
    await work({ log, live, damage, unheard });
  } finally {
    await live.stop();
  }
}

function listen(log: MemoryEventLog, live: LiveEvents, from: Cursor) {
  const end = new AbortController();
  const told: FeedEvent[] = [];
  let offers = 0;
  const follower = {
    waiting: () => {},
    // As with a client that is full now and then: what it does not take at once has to wait, and all after it.
    takeNow(next: () => FeedEvent): boolean {
      offers += 1;
      if (offers % 3 === 0) return false;
      told.push(next());
      return true;
    },
  };
  const feed = new ConversationFeed(CONVERSATION, new ConversationHistory(log, codec, CONVERSATION), live, follower);
  const reading = (async () => {
    for await (const each of feed.from(from, end.signal)) told.push(each);
  })();
  return {
    told,
    stopped: () => reading,
    async stop() {
      end.abort();
      await reading;
    },
  };
}

async function append(log: MemoryEventLog, script: ReturnType<typeof conversationScript>): Promise<void> {
  for (const { stream, event, id } of script) {
    const wrapping = { id, tenant: 'default', at: '2026-01-01T00:00:00.000Z', meta: someMetadata };
    await appendAtEnd(log, stream, [newEvent(event, wrapping)]);
  }
}

const turns = [
  { deltas: 3, cancelsQueued: true, ends: true },
  { deltas: 2, cancelsQueued: false, ends: true },
];

describe('a feed', () => {
  it('delivers every event once from history to live, wherever it begins', async () => {
    const script = conversationScript(turns);
    await fc.assert(
      fc.asyncProperty(fc.nat(script.length), fc.nat(script.length), async (before, meanwhile) => {
        await onLog(async ({ log, live }) => {
          await append(log, script.slice(0, before));
          const first = listen(log, live, BEGINNING);
          await append(log, script.slice(before, before + meanwhile));
          const second = listen(log, live, BEGINNING);
          await append(log, script.slice(before + meanwhile));
          await until(() => [first, second].every(({ told }) => told.length === script.length));
          await Promise.all([first.stop(), second.stop()]);
          for (const { told } of [first, second]) {
            const ids = told.map(({ event }) => event.id);
            expect(new Set(ids).size).toBe(script.length);
            expect(formatCursor(told.at(-1)?.cursor as Cursor)).toBe('11:0');
            expectPromptsFirstAndEndsLast(told);
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  it('reads missed events from the log, and delivers each event once with the cursor of its revision', async () => {
    const script = conversationScript(turns);
    // Of the first, which the feed reads, and the last, which shows only with the next, nothing can be missed.
    for (const missed of script.slice(1, -1)) {
      await onLog(async ({ log, live, unheard }) => {
        unheard.add(missed.id);
        await append(log, script.slice(0, 1));
        const feed = listen(log, live, BEGINNING);
        await until(() => feed.told.length === 1);
        await append(log, script.slice(1));
        await until(() => feed.told.length >= script.length);
        await feed.stop();
        expect(new Set(feed.told.map(({ event }) => event.id)).size).toBe(script.length);
        expect(feed.told).toHaveLength(script.length);
        expectPromptsFirstAndEndsLast(feed.told);
        for (const { event, cursor } of feed.told) {
          if (event.stream === 'conversation-c1') expect(cursor.ledger).toBe(event.revision + 1);
          else expect(cursor.tape).toBe(event.revision + 1);
        }
      });
    }
  });

  it('ends with an error behind an event of a type that this process does not know, with exact cursors until then', async () => {
    const script = conversationScript([{ deltas: 1, cancelsQueued: false, ends: true }]);
    await onLog(async ({ log, live }) => {
      await append(log, script);
      const feed = listen(log, live, BEGINNING);
      await until(() => feed.told.length === script.length);
      const { cursor } = feed.told.at(-1) as FeedEvent;
      const future = { ...newDelta(), type: 'ConversationTagged' };
      await appendAtEnd(log, 'conversation-c1', [future]);
      await append(log, [
        { stream: 'conversation-c1', id: randomUUID(), event: { type: 'ConversationRenamed', data: { title: 'x' } } },
      ]);
      await expect(feed.stopped()).rejects.toThrow(`ConversationTagged v${future.schema}, of a newer version`);
      expect(feed.told).toHaveLength(script.length);
      // A process that knows the type goes on from here, and tells both.
      expect(cursor).toEqual({ ledger: 5, tape: 0 });
    });
  });

  it('ends with an error before the end of an answer whose seal is of a type that this process does not know', async () => {
    const script = conversationScript([{ deltas: 1, cancelsQueued: false, ends: true }]);
    const seal = script.findIndex(({ event }) => event.type === 'AttemptEnded');
    await onLog(async ({ log, live }) => {
      await append(log, script.slice(0, seal));
      const feed = listen(log, live, BEGINNING);
      await until(() => feed.told.length === seal);
      await appendAtEnd(log, script[seal]?.stream ?? '', [{ ...newDelta(), type: 'AttemptSealed' }]);
      await append(log, script.slice(seal + 1));
      await expect(feed.stopped()).rejects.toThrow('AttemptSealed');
      expect(feed.told).toHaveLength(seal);
    });
  });

  it('continues from any cursor of another feed with exactly the later events of that feed', async () => {
    await onLog(async ({ log, live }) => {
      const script = conversationScript(turns);
      const watched = listen(log, live, BEGINNING);
      await append(log, script);
      await until(() => watched.told.length === script.length);
      await watched.stop();
      for (const [nth, { cursor }] of watched.told.entries()) {
        const resumed = listen(log, live, cursor);
        await until(() => resumed.told.length >= script.length - nth - 1);
        await resumed.stop();
        const rest = watched.told.slice(nth + 1).map(({ event }) => event.id);
        expect(resumed.told.map(({ event }) => event.id).sort()).toEqual(rest.sort());
      }
    });
  });

  it('holds back a claim that is committed before its prompt', async () => {
    await onLog(async ({ log, live }) => {
      const script = conversationScript([{ deltas: 1, cancelsQueued: false, ends: true }]);
      const claim = script.findIndex(({ event }) => event.type === 'GenerationClaimed');
      const prompt = script.findIndex(({ event }) => event.type === 'PromptAssembled');
      [script[claim], script[prompt]] = [script[prompt] as never, script[claim] as never];
      const feed = listen(log, live, BEGINNING);
      await append(log, script);
      await until(() => feed.told.length === script.length);
      await feed.stop();
      expectPromptsFirstAndEndsLast(feed.told);
    });
  });

  it('delivers a claim that was committed before its prompt and before the feed began', async () => {
    await onLog(async ({ log, live }) => {
      const script = conversationScript([{ deltas: 2, cancelsQueued: false, ends: true }]);
      const claim = script.findIndex(({ event }) => event.type === 'GenerationClaimed');
      let passed = 0;
      const leave = live.listen(CONVERSATION, () => {
        passed += 1;
      });
      await append(log, [script[claim] as never, ...script.slice(0, claim - 1)]);
      await until(() => passed === 4);
      leave();
      const feed = listen(log, live, BEGINNING);
      await until(() => feed.told.length === 3);
      await append(
        log,
        script.filter((_, nth) => nth === claim - 1),
      );
      await until(() => feed.told.length === 5);
      await append(log, script.slice(claim + 1));
      await until(() => feed.told.length === script.length);
      await feed.stop();
      expect(feed.told.map(({ cursor, event }) => `${formatCursor(cursor)} ${event.type}`)).toEqual([
        '1:0 ConversationStarted',
        '2:0 MessageSent',
        '3:0 GenerationRequested',
        '4:0 PromptAssembled',
        '4:1 GenerationClaimed',
        '4:2 DeltaReceived',
        '4:3 DeltaReceived',
        '4:4 AttemptEnded',
        '5:0 GenerationFinalized',
      ]);
    });
  });

  it('goes on when an event of another conversation cannot be read', async () => {
    await onLog(async ({ log, live, damage }) => {
      const feed = listen(log, live, BEGINNING);
      await log.append('generation-other', 'none', [{ ...newDelta(), data: '[]' }]);
      await append(log, conversationScript([]));
      await until(() => feed.told.length === 1);
      await feed.stop();
      expect(damage).toHaveLength(1);
    });
  });
});

function expectPromptsFirstAndEndsLast(told: readonly FeedEvent[]): void {
  const open = new Set<string>();
  for (const { event } of told) {
    if (event.type === 'PromptAssembled') open.add(`generation-${event.data.generationId}`);
    if (event.type === 'GenerationFinalized') open.delete(`generation-${event.data.generationId}`);
    if (event.stream.startsWith('generation-')) expect(open.has(event.stream)).toBe(true);
  }
}
