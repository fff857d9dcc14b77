import { afterEach, describe, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import { ChatLog } from '../support/chat-log.js';
import { type ReadingServer, type ServerOptions, startReadingServer } from '../support/reading-server.js';
import { SseClient } from '../support/sse-client.js';
import { until } from '../support/until.js';

const quick = { tickMs: 5, principalCheckTicks: 1, heartbeatTicks: 2 };

describe('a feed on the wire', () => {
  let server: ReadingServer;
  let clients: SseClient[] = [];

  const start = async (options?: ServerOptions) => {
    server = await startReadingServer(options);
    return server;
  };
  const open = async (chat: ChatLog, query = '') => {
    const client = await SseClient.open(`${server.address}/feed/${chat.id}${query}`);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients) client.leave();
    clients = [];
    await server.close();
    expect(server.live.listening).toBe(0);
    expect(server.streams.size).toBe(0);
  });

  it('has headers that keep proxies from buffering it', async () => {
    await start();
    const client = await open(await new ChatLog(server.log).started());
    expect(client.response.statusCode).toBe(200);
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
  });

  it('begins with a snapshot, and delivers each later event once with its cursor', async () => {
    await start();
    const chat = await new ChatLog(server.log).started('Title');
    await chat.turn('1', ['Hello ', 'there']);
    const client = await open(chat);
    await until(() => client.events.length === 1);
    expect(client.events[0]).toMatchObject({ id: '5:0', event: 'snapshot', data: { id: chat.id, cursor: '5:0' } });
    await chat.turn('2', ['a', 'b'], 'g1');
    await until(() => client.cursors.at(-1) === '9:0');
    expect(client.events.slice(1).map(({ id, event }) => `${id} ${event}`)).toEqual([
      '6:0 message-sent',
      '7:0 generation-requested',
      '8:0 prompt-assembled',
      '8:1 generation-claimed',
      '8:2 delta',
      '8:3 delta',
      '8:4 attempt-ended',
      '9:0 generation-finalized',
    ]);
    const data = Object.fromEntries(client.events.map((each) => [each.event, each.data]));
    expect(data['message-sent']).toMatchObject({ messageId: 'm2', parent: 'g1', text: 'text 2', kind: 'message' });
    expect(data['prompt-assembled']).toMatchObject({ generationId: 'g2', messageId: 'm2', model: 'demo-small' });
    expect(data['prompt-assembled']).toHaveProperty('promptSha256');
    expect(data['prompt-assembled']).not.toHaveProperty('parts');
    expect(data['generation-claimed']).toEqual({ generationId: 'g2', attempt: 1, at: expect.any(String) });
    expect(data.delta).toEqual({
      generationId: 'g2',
      attempt: 1,
      seq: 1,
      block: 0,
      text: 'b',
      channel: 'content',
      at: expect.any(String),
    });
    expect(data['generation-finalized']).toMatchObject({
      generationId: 'g2',
      status: 'final',
      text: 'ab',
      usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
      cost: { amount: '0.001', currency: 'USD' },
    });
  });

  it('delivers every later event exactly once to a client that resumes at any cursor', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    const watched = await open(chat, '?after=0:0');
    await interleaved(chat);
    await until(() => watched.cursors.at(-1) === '13:0');
    const all = watched.events;
    for (const [nth, { id }] of all.entries()) {
      const again = await open(chat, `?after=${id}`);
      const missed = all.slice(nth + 1);
      await until(() => again.events.length >= missed.length);
      expect(sorted(again)).toEqual(missed.map(keyOf).sort());
      again.leave();
    }
  });

  it('joins missed events with new ones while turns run', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    const watched = await open(chat, '?after=0:0');
    const late: { from: number; client: SseClient }[] = [];
    chat.onAppended = async () => {
      const from = watched.events.length;
      late.push({ from, client: await open(chat, `?after=${watched.cursors.at(-1) ?? '0:0'}`) });
    };
    await interleaved(chat);
    await until(() => watched.cursors.at(-1) === '13:0');
    await until(() => late.every(({ from, client }) => client.events.length >= watched.events.length - from));
    for (const { from, client } of late) expect(sorted(client)).toEqual(watched.events.slice(from).map(keyOf).sort());
  });

  it('shares the bytes of an event, and sends each client its own cursor', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    const many = await Promise.all(Array.from({ length: 20 }, () => open(chat, '?after=1:0')));
    await interleaved(chat);
    await until(() => many.every(({ cursors }) => cursors.at(-1) === '13:0'));
    for (const client of many) {
      expect(sorted(client)).toEqual(many[0] && sorted(many[0]));
      expectGrowing(client.cursors);
    }
  });

  it('keeps a silent connection awake', async () => {
    await start({ pace: quick });
    const client = await open(await new ChatLog(server.log).started());
    await until(() => client.comments >= 3);
    expect(client.events).toHaveLength(1);
  });

  it('ends when the key is revoked, and not in an outage', async () => {
    let answer = async () => true;
    let asked = 0;
    await start({
      pace: quick,
      isValid: () => {
        asked += 1;
        return answer();
      },
    });
    const client = await open(await new ChatLog(server.log).started());
    answer = async () => {
      throw new Error('away');
    };
    const askedBefore = asked;
    await until(() => asked > askedBefore + 5);
    expect(client.isClosed).toBe(false);
    answer = async () => false;
    await until(() => client.isClosed && server.streams.size === 0);
  });

  it('closes a client that does not read, which can resume and has then seen everything once', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    await chat.sent('m1', 'hello');
    await chat.asked('g1', 'm1');
    await chat.claimed('g1');
    const client = await open(chat, '?after=0:0');
    await until(() => client.events.length === 5);
    client.stall();
    const piece = 'x'.repeat(60_000);
    let pieces = 0;
    await until(async () => {
      for (let nth = 0; nth < 20; nth++) await chat.delta('g1', `${pieces++} ${piece}`);
      return server.streams.size === 0;
    });
    expect(server.live.listening).toBe(0);
    expect(server.failures).toEqual([]);
    client.goOn();
    await until(() => client.isClosed);
    const resumed = await open(chat, `?after=${client.cursors.at(-1)}`);
    const seen = () => [...client.events, ...resumed.events].filter(({ event }) => event === 'delta');
    await until(() => seen().length >= pieces);
    expect(seen().map(({ data }) => data.seq)).toEqual(Array.from({ length: pieces }, (_, seq) => seq));
  });

  it('gives a large snapshot and a long history to a client that reads, whatever the bound', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    const large = 'y'.repeat(200_000);
    for (let nth = 0; nth < 20; nth++) await chat.sent(`m${nth}`, large, { kind: 'note' });
    const [fresh, resumed] = await Promise.all([open(chat), open(chat, '?after=0:0')]);
    expect(20 * large.length).toBeGreaterThan(limits.streamWaitingBytesMax);
    await until(() => fresh.events.length === 1 && resumed.events.length === 21);
    await chat.sent('last', 'z', { kind: 'note' });
    await until(() => [fresh, resumed].every(({ cursors }) => cursors.at(-1) === '22:0'));
  });

  it('closes a client that takes nothing of a long history, even when nothing new comes', async () => {
    await start({ pace: quick });
    const chat = await new ChatLog(server.log).started();
    for (let nth = 0; nth < 60; nth++) await chat.sent(`m${nth}`, 'x'.repeat(250_000), { kind: 'note' });
    const client = await open(chat, '?after=1:0');
    client.stall();
    await until(() => server.streams.size === 0);
    expect(server.live.listening).toBe(0);
  });

  it('releases everything when a client leaves, also one that had stopped reading', async () => {
    await start();
    const chat = await new ChatLog(server.log).started();
    const [reading, stalled] = await Promise.all([open(chat), open(chat, '?after=0:0')]);
    await until(() => server.live.listening === 2);
    stalled.stall();
    for (let nth = 0; nth < 10; nth++) await chat.sent(`m${nth}`, 'x'.repeat(250_000), { kind: 'note' });
    await until(() => reading.events.length === 11);
    reading.leave();
    stalled.leave();
    await until(() => server.live.listening === 0 && server.streams.size === 0);
    expect(server.failures).toEqual([]);
  });

  it('refuses more feeds of one user than allowed, and counts those that have ended no more', async () => {
    await start({ perUserMax: 2 });
    const chat = await new ChatLog(server.log).started();
    const [first] = [await open(chat), await open(chat)];
    expect((await open(chat)).response.statusCode).toBe(500);
    expect(server.failures.splice(0)).toMatchObject([{ status: 429 }]);
    first?.leave();
    await until(async () => (await open(chat)).response.statusCode === 200);
  });

  it('ends every feed when the process stops, also one that does not read', async () => {
    await start({ pace: quick });
    const chat = await new ChatLog(server.log).started();
    const [reading, stalled] = await Promise.all([open(chat), open(chat, '?after=0:0')]);
    await until(() => server.live.listening === 2);
    stalled.stall();
    for (let nth = 0; nth < 40; nth++) await chat.sent(`m${nth}`, 'x'.repeat(250_000), { kind: 'note' });
    await server.close();
    await until(() => reading.isClosed);
    expect(server.streams.size).toBe(0);
  });
});

/** Two turns, with notes and a queued reply that is cancelled in the middle of a stream. 13 events in the ledger. */
async function interleaved(chat: ChatLog): Promise<void> {
  await chat.sent('m1', 'one');
  await chat.asked('g1', 'm1');
  await chat.claimed('g1');
  await chat.delta('g1', 'thinking', 'reasoning');
  await chat.delta('g1', 'a');
  await chat.sent('n1', 'a note', { parent: 'm1', kind: 'note' });
  await chat.delta('g1', 'b');
  await chat.requested('q1', 'm1');
  await chat.finalized('q1', { status: 'cancelled', attempt: null });
  await chat.delta('g1', 'c');
  await chat.attemptEnded('g1');
  await chat.finalized('g1');
  await chat.sent('m2', 'two', { parent: 'g1' });
  await chat.asked('g2', 'm2');
  await chat.claimed('g2');
  await chat.delta('g2', 'd');
  await chat.attemptEnded('g2');
  await chat.finalized('g2');
  await chat.ledger({ type: 'ConversationRenamed', data: { title: 'done' } });
}

/** Each event by what it says: its cursor may differ where the two streams may be told in another order. */
const keyOf = ({ event, data }: SseClient['events'][number]): string => `${event} ${JSON.stringify(data)}`;
const sorted = ({ events }: SseClient): string[] => events.map(keyOf).sort();

function expectGrowing(cursors: readonly string[]): void {
  const places = cursors.map((cursor) => cursor.split(':').map(Number) as [number, number]);
  for (const [nth, [ledger, tape]] of places.entries()) {
    const [ledgerBefore, tapeBefore] = places[nth - 1] ?? [0, 0];
    expect(ledger > ledgerBefore || (ledger === ledgerBefore && tape > tapeBefore)).toBe(true);
  }
}
