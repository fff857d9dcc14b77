import { beforeEach, describe, expect, it } from '@jest/globals';
import { conversation, type RecordedInConversation } from '../../../../src/domain/conversation/conversation.js';
import type { Run } from '../../../../src/domain/conversation/run.js';
import { inOrder, runOf } from '../../../../src/domain/conversation/run-history.js';
import { replyOf } from '../../../../src/domain/conversation/tree.js';
import type { Recorded } from '../../../../src/domain/decider.js';
import { generation } from '../../../../src/domain/generation.js';
import type { TypedEvent } from '../../../../src/events/codec.js';
import type { GenerationEvent } from '../../../../src/events/conversation-events.js';
import { START } from '../../../../src/events/envelope.js';
import type { Rows } from '../../../../src/projections/projection.js';
import { runs } from '../../../../src/projections/runs/projection.js';
import { type RunRow, runsTable } from '../../../../src/projections/runs/rows.js';
import { type RunFeedEvent, runFrameOf } from '../../../../src/sse/run-feed.js';
import { ChatLog } from '../../../support/chat-log.js';
import { MemoryEventLog } from '../../../support/memory/memory-event-log.js';
import { typedEvents } from '../../../support/new-events.js';

const END = [
  ...['status', 'finishReason', 'attempt', 'modelServed', 'error'],
  ...['usage', 'cost', 'ttftMs', 'durationMs'],
] as const satisfies (keyof Run)[];

const endIn = (shown: object) => Object.fromEntries(END.map((field) => [field, (shown as Run)[field]]));

describe('a run', () => {
  let log: MemoryEventLog;
  let chat: ChatLog;
  beforeEach(async () => {
    log = new MemoryEventLog();
    chat = await new ChatLog(log, 'c1').started();
    await chat.sent('m1', 'Hello?');
  });

  async function recorded(): Promise<TypedEvent[]> {
    const events: TypedEvent[] = [];
    for await (const page of log.readAll(START)) {
      events.push(...(await typedEvents(page.events)));
    }
    return events;
  }

  /** By its own route, in the list of runs and as the frames of the feed. */
  async function shownEverywhere(id: string): Promise<{ alone: Run; listed: RunRow; frames: string[] }> {
    const events = await recorded();
    const about = (event: TypedEvent) => 'generationId' in event.data && event.data.generationId === id;
    const ledger = events.filter(({ stream }) => stream === 'conversation-c1');
    const taped = events.filter(({ stream }) => stream === `generation-${id}`);
    const state = (ledger as unknown as RecordedInConversation[]).reduce(conversation.evolve, conversation.initial);
    const tape = (taped as unknown as Recorded<GenerationEvent>[]).reduce(generation.evolve, generation.initial);
    const entries = ledger.filter(about).map(({ type, at, revision }) => ({ type, at, seen: revision + 1 }));
    const alone = runOf({
      ...{ conversation: 'c1', state, reply: replyOf(state, id), tape },
      events: inOrder(entries, taped),
    });

    const rows = new Map<string, unknown>();
    const views: Rows = {
      get: ({ name }, key) => rows.get(`${name} ${key}`) as never,
      put: ({ name }, key, row) => rows.set(`${name} ${key}`, row),
      remove: ({ name }, key) => rows.delete(`${name} ${key}`),
    };
    const followed = events.filter(({ type }) => !(runs.filter.withoutTypes as readonly string[]).includes(type));
    for (const event of followed) runs.apply(views, event);
    const inFeed = ledger.filter(about).filter(({ type }) => /^Generation(Requested|Finalized)$/.test(type));
    const frames = inFeed.map((event) => runFrameOf(event as RunFeedEvent).toString());
    return { alone, listed: views.get(runsTable, id) as RunRow, frames };
  }

  const dataOf = (frame: string | undefined) => JSON.parse(/^data: (.*)$/m.exec(frame ?? '')?.[1] ?? '');

  it('keeps the order of its keys in documents, rows and frames', async () => {
    await chat.requested('g1', 'm1');
    await chat.assembled('g1', '{}');
    await chat.claimed('g1');
    await chat.delta('g1', 'Yes.');
    await chat.attemptEnded('g1', { response: { id: 'r1', requestId: 'q1' } });
    await chat.finalized('g1');
    const { alone, listed, frames } = await shownEverywhere('g1');
    const head = '"id":"g1","conversation":"c1","message":"m1","user":"ada","provider":"demo","model":"demo-small"';
    const sha256 = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
    const tokens = '{"prompt":3,"budget":10,"reserved":1,"limit":11,"estimated":true,"encoding":"o200k_base"}';
    const prompt = `"params":{"temperature":0},"promptSha256":"${sha256}","tokens":${tokens}`;
    const sums =
      '"usage":{"promptTokens":3,"completionTokens":2,"totalTokens":5},"cost":{"amount":"0.001","currency":"USD"}';
    const times = '"ttftMs":1000,"durationMs":5000';
    const end = '"status":"final","finishReason":"stop","attempt":1';
    const rest = `${sums},${times},${end},"regenerates":null,"lineage":["g1"],"error":null`;
    const ids = '"responseId":"r1","requestId":"q1"';
    const events = JSON.stringify(alone.events);
    expect(JSON.stringify(alone)).toBe(`{${head},"modelServed":"demo-1",${ids},${prompt},${rest},"events":${events}}`);
    const row = `"tenant":"default",${head},"modelServed":"demo-1",${prompt},${rest}`;
    expect(JSON.stringify(listed)).toBe(`{${row},"requestedAt":"2026-01-01T00:00:02.000Z"}`);
    const started = '"message":"m1","user":"ada","regenerates":null,"status":"queued","at":"2026-01-01T00:00:02.000Z"';
    const ended = `"user":"ada",${end},"modelServed":"demo-1","error":null,${sums},${times}`;
    expect(frames.map((frame) => frame.replace(/^id: .*\n/, ''))).toEqual([
      `event: run-started\ndata: {"id":"g1","conversation":"c1",${started}}\n\n`,
      `event: run-ended\ndata: {"id":"g1","conversation":"c1",${ended},"at":"2026-01-01T00:00:07.000Z"}\n\n`,
    ]);
  });

  it('has the same end by its own route, in the list and in the feed', async () => {
    await chat.asked('g1', 'm1');
    await chat.claimed('g1');
    await chat.attemptEnded('g1', { outcome: 'failed', finishReason: null, retryAt: '2026-01-01T00:00:06.000Z' });
    await chat.claimed('g1');
    await chat.delta('g1', 'Yes.');
    await chat.attemptEnded('g1');
    await chat.finalized('g1');
    const { alone, listed, frames } = await shownEverywhere('g1');
    expect(endIn(alone)).toMatchObject({ status: 'final', attempt: 2, ttftMs: 1_000, durationMs: 7_000 });
    expect([endIn(listed), endIn(dataOf(frames[1]))]).toEqual([endIn(alone), endIn(alone)]);
  });

  it('had no attempt if its only claim was withdrawn, wherever it is shown', async () => {
    await chat.requested('g1', 'm1');
    await chat.claimed('g1');
    const error = { kind: 'withdrawn', message: 'The prompt was not committed.' };
    const uncalled = { finishReason: null, modelServed: null, usage: null, cost: null };
    const { cost: _, ...ended } = uncalled;
    await chat.attemptEnded('g1', { ...ended, outcome: 'failed', error, retryAt: '2026-01-01T00:00:06.000Z' });
    const queuedAt = '2026-01-01T00:00:02.000Z';
    const timings = { queuedAt, claimedAt: null, firstTextAt: null, lastTextAt: null };
    await chat.finalized('g1', { ...uncalled, status: 'cancelled', attempt: null, attempts: 0, timings });
    const { alone, listed, frames } = await shownEverywhere('g1');
    const end = { ...uncalled, status: 'cancelled', attempt: null, error: null, ttftMs: null, durationMs: 3_000 };
    expect([alone, listed, dataOf(frames[1])].map(endIn)).toEqual([end, end, end]);
  });
});
