import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DomainEvent } from '../../../src/events/catalogue.js';
import { ConversationHistory, type FeedEvent } from '../../../src/sse/conversation-history.js';
import { type Cursor, CursorBeyondEnd, formatCursor, parseCursor } from '../../../src/sse/cursor.js';
import { conversationScript } from '../../support/conversation-script.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { appendAtEnd, codec, newEvent, someMetadata, wholeStream } from '../../support/new-events.js';

const CONVERSATION = 'c1';

/** A conversation as drawn: for each turn how many deltas, and whether another reply waits and is cancelled meanwhile. */
const drawnTurns = fc.array(fc.record({ deltas: fc.nat(4), cancelsQueued: fc.boolean(), ends: fc.boolean() }), {
  maxLength: 5,
});

async function logOf(turns: Parameters<typeof conversationScript>[0]): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  for (const { stream, event, id } of conversationScript(turns)) {
    const wrapping = { id, tenant: 'default', at: '2026-01-01T00:00:00.000Z', meta: someMetadata };
    await appendAtEnd(log, stream, [newEvent(event as DomainEvent, wrapping)]);
  }
  return log;
}

async function told(log: MemoryEventLog, from: Cursor): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for await (const each of new ConversationHistory(log, codec, CONVERSATION).since(from)) events.push(each);
  return events;
}

const names = (events: FeedEvent[]) => events.map(({ event, cursor }) => `${formatCursor(cursor)} ${event.type}`);

describe('the history of a conversation', () => {
  it('returns the tape of a generation between its prompt and its end', async () => {
    const log = await logOf([
      { deltas: 2, cancelsQueued: false, ends: true },
      { deltas: 1, cancelsQueued: false, ends: false },
    ]);
    expect(names(await told(log, { ledger: 0, tape: 0 }))).toEqual([
      '1:0 ConversationStarted',
      '2:0 MessageSent',
      '3:0 GenerationRequested',
      '4:0 PromptAssembled',
      '4:1 GenerationClaimed',
      '4:2 DeltaReceived',
      '4:3 DeltaReceived',
      '4:4 AttemptEnded',
      '5:0 GenerationFinalized',
      '6:0 MessageSent',
      '7:0 GenerationRequested',
      '8:0 PromptAssembled',
      '8:1 GenerationClaimed',
      '8:2 DeltaReceived',
    ]);
  });

  it('returns each event once, and from any of its cursors exactly the rest', async () => {
    await fc.assert(
      fc.asyncProperty(drawnTurns, async (turns) => {
        const log = await logOf(turns.map((turn, nth) => ({ ...turn, ends: turn.ends || nth < turns.length - 1 })));
        const all = await told(log, { ledger: 0, tape: 0 });
        const ids = all.map(({ event }) => event.id);
        const streams = [...new Set(all.map(({ event }) => event.stream))];
        const standing = (await Promise.all(streams.map((stream) => wholeStream(log, stream)))).flat();
        expect(new Set(ids).size).toBe(ids.length);
        expect([...ids].sort()).toEqual(standing.map(({ id }) => id).sort());
        for (const [nth, { cursor }] of all.entries()) {
          expect(names(await told(log, cursor))).toEqual(names(all.slice(nth + 1)));
        }
      }),
      { numRuns: 40 },
    );
  });

  it.each(['4:3', '5:0', '2:1', '99:0', '9999999999:0', '4:9999999999'])(
    'refuses %s when the conversation has not come that far',
    async (text) => {
      const log = await logOf([{ deltas: 1, cancelsQueued: false, ends: false }]);
      await expect(told(log, parseCursor(text) as Cursor)).rejects.toBeInstanceOf(CursorBeyondEnd);
    },
  );

  it('finds the open generation however far back its prompt lies', async () => {
    const log = await logOf([{ deltas: 1, cancelsQueued: false, ends: false }]);
    for (let nth = 0; nth < 70; nth++) {
      const event: DomainEvent = { type: 'ConversationRenamed', data: { title: `${nth}` } };
      const id = `00000000-0000-4000-8000-${String(nth).padStart(12, 'a')}`;
      const wrapping = { id, tenant: 'default', at: '2026-01-01T00:00:00.000Z', meta: someMetadata };
      await appendAtEnd(log, `conversation-${CONVERSATION}`, [newEvent(event, wrapping)]);
    }
    expect(names(await told(log, { ledger: 74, tape: 1 }))).toEqual(['74:2 DeltaReceived']);
  });
});

describe('a cursor', () => {
  it.each(['0:0', '12:0', '13:41'])('%s is read and written alike', (text) => {
    expect(formatCursor(parseCursor(text) as Cursor)).toBe(text);
  });

  it.each(['', '1', '1:', ':1', '-1:0', '01:0', '1:2:3', '1.5:0', ' 1:0', '1:0\n', '99999999999:0', 'a:b'])(
    '%j is malformed',
    (text) => {
      expect(parseCursor(text)).toBeUndefined();
    },
  );

  it('asks the log once for a cursor, and a few times for its place, in a conversation that has no prompt', async () => {
    const log = new MemoryEventLog();
    const renamed = (nth: number): DomainEvent => ({ type: 'ConversationRenamed', data: { title: `${nth}` } });
    const wrapping = { tenant: 'default', at: '2026-01-01T00:00:00.000Z', meta: someMetadata };
    const events = Array.from({ length: 5_000 }, (_, nth) =>
      newEvent(renamed(nth), { ...wrapping, id: crypto.randomUUID() }),
    );
    for (let from = 0; from < events.length; from += 500)
      await appendAtEnd(log, `conversation-${CONVERSATION}`, events.slice(from, from + 500));
    const readStream = log.readStream.bind(log);
    let reads = 0;
    log.readStream = (...args) => {
      reads += 1;
      return readStream(...args);
    };
    const history = new ConversationHistory(log, codec, CONVERSATION);
    await history.requireReached({ ledger: 5_000, tape: 0 });
    expect(reads).toBe(1);
    await expect(history.requireReached({ ledger: 5_001, tape: 0 })).rejects.toBeInstanceOf(CursorBeyondEnd);
    reads = 0;
    expect(await history.placeAt({ ledger: 5_000, tape: 0 })).toMatchObject({ open: undefined });
    expect(reads).toBeLessThan(10);
  });
});
