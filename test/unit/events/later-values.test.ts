import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import {
  conversation,
  decidedConversation,
  type RecordedInConversation,
} from '../../../src/domain/conversation/conversation.js';
import { assembling, type Models } from '../../../src/domain/conversation/prompting.js';
import { deltasOf } from '../../../src/domain/conversation/run-history.js';
import { newerChoiceNames } from '../../../src/domain/conversation/settings.js';
import { type Choices, replyOf } from '../../../src/domain/conversation/tree.js';
import { messageSent } from '../../../src/domain/conversation/turns.js';
import { viewOf } from '../../../src/domain/conversation/view.js';
import type { Recorded } from '../../../src/domain/decider.js';
import { generation } from '../../../src/domain/generation.js';
import type { Refusal } from '../../../src/domain/refusal.js';
import { tenant } from '../../../src/domain/tenant.js';
import { isNewerMessage, isNewerReply } from '../../../src/domain/texts.js';
import type { TenantEvent } from '../../../src/events/catalogue.js';
import type { ConversationEvent, GenerationEvent } from '../../../src/events/conversation-events.js';
import type { RecordedEvent } from '../../../src/events/envelope.js';
import type { AnyTable } from '../../../src/ports/read-models/table.js';
import { projections } from '../../../src/projections/all.js';
import type { Rows } from '../../../src/projections/projection.js';
import { ConversationFeed } from '../../../src/sse/conversation-feed.js';
import { ConversationHistory, type FeedEvent } from '../../../src/sse/conversation-history.js';
import { formatCursor } from '../../../src/sse/cursor.js';
import { frameOf, turnFrameOf } from '../../../src/sse/event-frames.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { runFrameOf } from '../../../src/sse/run-feed.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, typedEvents } from '../../support/new-events.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';
import { oneEach } from '../domain/prompt/drafts.js';

type StoredEvent = Omit<RecordedEvent, 'data' | 'meta'> & { readonly data: object; readonly meta: object };

const later = join(import.meta.dirname, '..', '..', 'golden', 'later');
const storedIn = (file: string): readonly StoredEvent[] => JSON.parse(readFileSync(join(later, file), 'utf8'));
const asRecorded = (event: StoredEvent): RecordedEvent => ({
  ...event,
  data: JSON.stringify(event.data),
  meta: JSON.stringify(event.meta),
});

const CONVERSATION = '3f6c1c52-9d0e-4b7a-8f25-6a1b0c9d7e10';
/** What a later release keeps from clients of this one, wherever it is in an event. */
const HIDDEN = 'NOT SHOWN';
const stored = storedIn('conversation.json').map(asRecorded);
const events = await typedEvents(stored);
const looks = await typedEvents(storedIn('access.json').map(asRecorded));
const ledger = events.filter(({ stream }) => stream.startsWith('conversation-'));
const tape = events.filter(({ stream }) => stream.startsWith('generation-'));

const folded = () =>
  ledger.reduce((state, event) => conversation.evolve(state, event as RecordedInConversation), conversation.initial);
const foldedTape = () =>
  tape.reduce(
    (state, event) => generation.evolve(state, event as unknown as Recorded<GenerationEvent>),
    generation.initial,
  );

const models: Models = { provider: 'demo', model: 'demo', providers: { demo: 'demo' } };
const assemble = assembling(models, () => oneEach);

async function logWith(recorded: readonly RecordedEvent[]): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  await appendTo(log, recorded);
  return log;
}

async function appendTo(log: MemoryEventLog, recorded: readonly RecordedEvent[]): Promise<void> {
  for (const { stream, revision, ...event } of recorded) {
    const { outcome } = await log.append(stream, revision === 0 ? 'none' : revision - 1, [event]);
    if (outcome !== 'appended') throw new Error(outcome);
  }
}

const CURSORS = [
  '1:0',
  '2:0',
  '3:0',
  '4:0',
  '5:0',
  ...['5:1', '5:2', '5:3', '5:4', '5:5', '5:6', '5:7', '5:8', '5:9', '5:10', '5:11'],
  '6:0',
  ...['7:0', '8:0', '9:0', '10:0', '11:0', '12:0'],
];

describe('events that a later release writes', () => {
  it('are read with all their fields, and none of them is taken for damage', async () => {
    for (const [nth, event] of storedIn('conversation.json').entries()) {
      expect(events[nth]).toMatchObject({ schema: 2, data: event.data, meta: event.meta });
    }
    const [key] = await typedEvents(storedIn('key.json').map(asRecorded));
    const { keys } = tenant.evolve(tenant.initial, key as unknown as TenantEvent);
    expect(keys.get('k3y8')).toMatchObject({ user: 'ada', expiresAt: '2027-06-01T00:00:00.000Z' });
  });

  it('are folded into the tree of their conversation, with the texts that this release knows', () => {
    const { tree, path } = viewOf(CONVERSATION, { state: folded(), tape: null, cursor: '12:0' });
    expect(tree.map(({ id, role, origin, status, text }) => [id, role, origin, status, text])).toEqual([
      ['m1', 'system', 'client', 'final', 'Answer briefly.'],
      ['m2', 'user', 'import', 'final', 'What does it say?'],
      ['g1', 'assistant', 'model', 'final', 'It is an invoice.'],
      ['m3', 'tool', 'client', 'final', ''],
      ['m4', 'developer', 'client', 'final', 'Say who sent it.'],
      ['g2', 'assistant', 'model', 'blocked', 'Partly '],
    ]);
    expect(path).toEqual(['m1', 'm2', 'g1', 'm3', 'm4', 'g2']);
    const texts = tree.map(({ text }) => text).join('');
    expect(folded()).toMatchObject({ seen: 12, open: null, queue: [], textBytes: Buffer.byteLength(texts) });
  });

  it('leave a tape on which a withheld delta counts and no client sees its text', () => {
    const { attempts, seal } = foldedTape();
    expect(seal).not.toBeNull();
    expect(attempts.map(({ number, deltas, text }) => [number, deltas, text.content])).toEqual([
      ...[1, 2, 3].map((failed) => [failed, 0, '']),
      [4, 2, 'It is an invoice.'],
    ]);
    const content = tape.find(({ data }) => 'channel' in data && data.channel === 'content');
    expect(attempts.at(-1)).toMatchObject({ firstTextAt: content?.at, lastTextAt: content?.at });
    const deltas = tape.flatMap((event) => (event.type === 'DeltaReceived' ? [{ ...event.data, at: event.at }] : []));
    expect(deltasOf(attempts.at(-1), deltas).map(({ channel, text }) => [channel, text])).toEqual([
      ['withheld', ''],
      ['content', 'It is an invoice.'],
    ]);
  });

  it('enter no prompt that would leave out a part of what they say', () => {
    const refusals = ['m1', 'm2', 'g1', 'm3', 'm4', 'g2'].map((parent) => promptBehind(parent) as Refusal);
    expect(refusals.map(({ code }) => code)).toEqual(Array(6).fill('newer_content'));
    expect(refusals[0]?.details).toEqual({ node: 'm1' });
  });

  it.each(['name', 'rendered'])('keep a message with the field %s out of prompts', (field) => {
    const parts = [{ type: 'text' as const, text: 'What?' }];
    expect(isNewerMessage({ role: 'user', parts })).toBe(false);
    expect(isNewerMessage({ role: 'user', parts, [field]: 'Ada' })).toBe(true);
  });

  it('are in no prompt of another branch, which this release sends', () => {
    expect(promptBehind(null)).toMatchObject({ format: 'openai-chat@1' });
  });

  it.each(newerChoiceNames)('keep a conversation or a turn that chooses %s out of prompts', (setting) => {
    const refusal = { code: 'newer_content', details: { setting } };
    const set = { ...unset, [setting]: 'p1' };
    expect(promptBehind(null, { configured: set })).toMatchObject(refusal);
    expect(promptBehind(null, { options: { [setting]: 'p1' } })).toMatchObject(refusal);
  });

  it.each([
    ['text', false],
    ['reasoning', false],
    ['refusal', false],
    ['tool_call', true],
    ['item', true],
  ] as const)('keep a reply with a block of kind %s out of prompts: %s', (kind, isNewer) => {
    const blocks = [{ kind: 'text' as const, text: 'Partly' }, kind === 'text' ? { kind, text: '' } : { kind }];
    expect(isNewerReply({ status: 'final', blocks })).toBe(isNewer);
    expect(isNewerReply({ status: 'cancelled', blocks })).toBe(isNewer);
    expect(isNewerReply({ status: 'error', blocks })).toBe(false);
    expect(isNewerReply({ status: 'blocked', blocks })).toBe(true);
  });

  it.each([
    ['user', 'text', false],
    ['assistant', 'text', false],
    ['tool', 'text', true],
    ['system', 'text', true],
    ['developer', 'text', true],
    ['user', 'image', true],
    ['user', 'tool_result', true],
  ] as const)('keep a message of role %s with a part of type %s out of prompts: %s', (role, type, isNewer) => {
    const part = type === 'text' ? { type, text: 'What?' } : { type };
    expect(isNewerMessage({ role, parts: [{ type: 'text', text: 'So' }, part] })).toBe(isNewer);
  });

  it('give a feed the same cursors from the log and live, and show no field that the API does not have', async () => {
    const fromLog: FeedEvent[] = [];
    const history = new ConversationHistory(await logWith(stored), codec, CONVERSATION);
    for await (const told of history.since({ ledger: 0, tape: 0 })) fromLog.push(told);
    expect(fromLog.map(({ cursor }) => formatCursor(cursor))).toEqual(CURSORS);
    const live = await followedLive();
    expect(live.map(({ cursor, event }) => [formatCursor(cursor), event.id])).toEqual(
      fromLog.map(({ cursor, event }) => [formatCursor(cursor), event.id]),
    );
    for (const told of fromLog) expect(frameOf(told).toString()).not.toContain(HIDDEN);
  });

  it('end a turn of a client with their status', () => {
    const frames = (id: string) => events.flatMap((event) => turnFrameOf(event, id)?.bytes.toString() ?? []);
    expect(frames('g1')).toEqual([
      'data: {"token":"It is an invoice."}\n\n',
      'data: {"done":true,"full_response":"It is an invoice.","status":"final"}\n\n',
    ]);
    expect(frames('g2')).toEqual(['data: {"done":true,"full_response":"Partly ","status":"blocked"}\n\n']);
    for (const event of events) {
      if (event.type !== 'GenerationRequested' && event.type !== 'GenerationFinalized') continue;
      expect(runFrameOf(event).toString()).not.toContain(HIDDEN);
    }
  });

  it.each(projections.map((projection) => [projection.name, projection] as const))(
    'are applied to the rows of %s, twice as once',
    (_, projection) => {
      const followed = [...events, ...looks].filter(({ type, stream }) => {
        const isFollowed = projection.filter.categories.some((category) => stream.startsWith(`${category}-`));
        return isFollowed && !projection.filter.withoutTypes?.includes(type);
      });
      const [once, twice] = [new RowsInMemory(), new RowsInMemory()];
      for (const event of followed) {
        projection.apply(once, event);
        projection.apply(twice, event);
        projection.apply(twice, event);
      }
      expect(twice.rows).toEqual(once.rows);
      expect(once.rows.size).toBeGreaterThan(0);
      expect(JSON.stringify([...once.rows])).not.toContain(HIDDEN);
      const row = once.rows.get(IN_ROWS[projection.name]?.at ?? '');
      expect(row).toMatchObject(IN_ROWS[projection.name]?.row ?? { none: 'expected' });
    },
  );

  it('change no state of this release if it forgets texts that no decision reads', () => {
    const decide = (state: typeof conversation.initial, event: (typeof ledger)[number]) =>
      decidedConversation.evolve(state, event as RecordedInConversation);
    expect(ledger.reduce(decide, decidedConversation.initial)).toEqual(folded());
  });
});

/** One row of each read model, as this release shows what a later one recorded. */
const IN_ROWS: Readonly<Record<string, { readonly at: string; readonly row: object }>> = {
  access: { at: 'looks 8d1f8a52-50f7-4f0b-b3f3-1d5a7c9c1f42', row: { what: 'export', owner: 'ada' } },
  conversations: {
    at: `conversations ${CONVERSATION}`,
    row: { seen: 12, messages: 6, lastMessage: 'Partly ', open: null },
  },
  messages: { at: `nodes ${CONVERSATION}/m3`, row: { role: 'tool', origin: 'client', text: '' } },
  runs: { at: 'runs g2', row: { status: 'blocked', provider: 'anthropic', finishReason: 'content_filter' } },
  usage: { at: `counted ${CONVERSATION}`, row: { seen: 12 } },
};

class RowsInMemory implements Rows {
  readonly rows = new Map<string, unknown>();
  get = <Row>({ name }: { readonly name: string }, key: string) => this.rows.get(`${name} ${key}`) as Row | undefined;
  put(table: AnyTable, key: string, row: unknown): void {
    this.rows.set(`${table.name} ${key}`, row);
  }
  remove(table: AnyTable, key: string): void {
    this.rows.delete(`${table.name} ${key}`);
  }
}

const unset = { instructions: null, tools: null, responseFormat: null };

/** What this release would send for a new message behind a node of the conversation. */
function promptBehind(parent: string | null, { configured = unset as Choices, options = {} as Choices } = {}) {
  const messageId = 'm9';
  const said = messageSent(folded(), { messageId, content: 'And then?', origin: 'person', parent }, 'reject');
  const events: ConversationEvent[] = [
    { type: 'ConversationConfigured', data: configured },
    said,
    { type: 'GenerationRequested', data: { generationId: 'g9', messageId, options: { ...own, ...options } } },
  ];
  const envelope = {
    id: 'e9',
    tenant: 'acme',
    at: '2027-03-01T09:00:00.000Z',
    meta: { commandId: '', correlationId: '' },
  };
  const state = events.reduce((ahead, event) => conversation.evolve(ahead, { ...event, ...envelope }), folded());
  return assemble(state, replyOf(state, 'g9'));
}

const own = { provider: 'demo', model: 'demo' };

/** The first event is in the log when the feed begins, so that all others reach it live. */
async function followedLive(): Promise<readonly FeedEvent[]> {
  const [first, ...others] = stored as [RecordedEvent, ...RecordedEvent[]];
  const log = await logWith([first]);
  const damage: unknown[] = [];
  const onDamage = (error: unknown) => damage.push(error);
  const live = new LiveEvents({ log, codec, clock: systemClock, health: new RecordedHealth(), onDamage });
  await live.start();
  const end = new AbortController();
  const told: FeedEvent[] = [];
  try {
    const feed = new ConversationFeed(CONVERSATION, new ConversationHistory(log, codec, CONVERSATION), live);
    const following = (async () => {
      for await (const each of feed.from({ ledger: 0, tape: 0 }, end.signal)) told.push(each);
    })();
    await until(() => told.length === 1);
    await appendTo(log, others);
    await until(() => told.length >= stored.length);
    end.abort();
    await following;
  } finally {
    await live.stop();
  }
  expect(damage).toEqual([]);
  return told;
}
