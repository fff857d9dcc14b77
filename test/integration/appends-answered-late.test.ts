import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ConversationEvent } from '../../src/events/conversation-events.js';
import type { AppendOutcome } from '../../src/ports/event-log.js';
import { type Chat, CONVERSATIONS, startChat, type Turn } from '../support/chat.js';
import { conversationScript } from '../support/conversation-script.js';
import { onlyUsually, usually } from '../support/extent.js';
import { firstStartOn } from '../support/first-start.js';
import { startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { appendAtEnd, countEvents, newEvent } from '../support/new-events.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const LONG = usually(500, 5_000);

let chat: Chat;
afterEach(() => chat?.close());

/** The first append with such an event is committed, and answered as the test says. */
function answerOnce(type: string, answer: (committed: AppendOutcome) => AppendOutcome): () => boolean {
  const { log } = chat.engines;
  const { append } = log;
  let isDone = false;
  log.append = async (stream, expected, events, options) => {
    const committed = await append.call(log, stream, expected, events, options);
    if (isDone || !events.some((event) => event.type === type)) return committed;
    isDone = true;
    return answer(committed);
  };
  return () => isDone;
}

const unanswered = (): AppendOutcome => ({ outcome: 'unavailable', maybeWritten: true });

onlyUsually(() =>
  describe('an append that is committed and whose answer is lost', () => {
    it('does not end the answer that it belongs to', async () => {
      chat = await startChat();
      const isLost = answerOnce('DeltaReceived', unanswered);
      const id = await chat.started();
      const { generationId } = await chat.done(id, { content: 'Hi' });
      expect(isLost()).toBe(true);
      expect(await chat.ended(id, generationId)).toMatchObject({
        status: 'final',
        text: 'answer to 1 in all',
        attempt: 1,
      });
      expect(chat.model.calls).toHaveLength(1);
      expect(await chat.types(`generation-${generationId}`)).toEqual([
        'GenerationClaimed',
        'DeltaReceived',
        'DeltaReceived',
        'AttemptEnded',
      ]);
    });

    it('costs a claim no second attempt', async () => {
      chat = await startChat();
      const isLost = answerOnce(
        'GenerationClaimed',
        (committed) => ({ ...committed, outcome: 'already-there' }) as AppendOutcome,
      );
      const id = await chat.started();
      const { generationId } = await chat.done(id, { content: 'Hi' });
      expect(isLost()).toBe(true);
      expect(await chat.ended(id, generationId)).toMatchObject({ status: 'final', attempt: 1 });
      expect(
        (await chat.types(`generation-${generationId}`)).filter((type) => type === 'GenerationClaimed'),
      ).toHaveLength(1);
    });

    it('leaves a prompt that its process answers at once', async () => {
      chat = await startChat();
      answerOnce('PromptAssembled', (committed) => ({ ...committed, outcome: 'already-there' }) as AppendOutcome);
      const id = await chat.started();
      const { generationId } = await chat.done(id, { content: 'Hi' });
      expect(await chat.ended(id, generationId)).toMatchObject({ status: 'final', attempt: 1 });
      expect(chat.model.calls).toHaveLength(1);
    });

    it('does not hide the key of the first start', async () => {
      await withTemporaryDirectory(async (dataDir) => {
        const engines = memoryEngines();
        const { log } = engines;
        const { append } = log;
        log.append = async (...args) => {
          await append.apply(log, args);
          return append.apply(log, args);
        };
        expect(await firstStartOn(engines)(dataDir)).toMatch(/^vb_admin_/);
      });
    });
  }),
);

/** So many turns that have ended, past the commands. */
async function addTurns(conversation: string, count: number): Promise<void> {
  const turns = Array.from({ length: count }, () => ({ deltas: 0, cancelsQueued: false, ends: true }));
  const ledger = conversationScript(turns)
    .filter(({ stream }) => stream === 'conversation-c1')
    .slice(1);
  const meta = {
    conversation,
    owner: 'admin',
    actor: { id: 'admin', kind: 'user' },
    correlationId: 'c',
    commandId: 'c',
  };
  const encoded = ledger.map(({ event }) =>
    newEvent(event as ConversationEvent, {
      id: randomUUID(),
      tenant: 'default',
      at: '2026-01-02T03:04:05.678Z',
      meta,
    }),
  );
  for (let at = 0; at < encoded.length; at += 500) {
    await appendAtEnd(chat.engines.log, `conversation-${conversation}`, encoded.slice(at, at + 500));
  }
}

describe(`a conversation of ${LONG} turns`, () => {
  it('answers a keyed request as the first time, also in a process that has just started', async () => {
    chat = await startChat();
    const id = await chat.started();
    const headers = { 'idempotency-key': randomUUID() };
    const first = await chat.post(`${id}/messages`, { content: 'Hi' }, { headers });
    expect(first.status).toBe(202);
    await chat.ended(id, (first.json as Turn).generationId);
    await addTurns(id, LONG);
    const events = await countEvents(chat.engines.log);
    const node = await startHttpApp(chat.engines, { VERBATIM_ROLES: 'api' });
    try {
      const path = `${CONVERSATIONS}/${id}/messages`;
      const options = { key: chat.adminKey, headers };
      const again = await node.call('POST', path, { ...options, body: { content: 'Hi' } });
      expect([again.status, again.json]).toEqual([first.status, first.json]);
      const other = await node.call('POST', path, { ...options, body: { content: 'Ho' } });
      expect([other.status, (other.json as { code: string }).code]).toEqual([422, 'idempotency_key_reused']);
    } finally {
      await node.close();
    }
    expect(await countEvents(chat.engines.log)).toBe(events);
  });

  it('has nothing to do when the work table is lost and entered again', async () => {
    chat = await startChat();
    const id = await chat.started();
    await addTurns(id, LONG);
    const before = await countEvents(chat.engines.log);
    const { work, checkpoints, leases } = memoryEngines();
    const anew = { ...chat.engines, work, checkpoints, leases };
    const node = await startHttpApp(anew, { VERBATIM_ROLES: 'saga' });
    try {
      await node.app.init();
      const head = await anew.log.head();
      await until(async () => (await anew.checkpoints.read('work')) === head);
      const last = `g${LONG - 1}`;
      expect(await anew.work.find(last)).toMatchObject({ generation: last });
      await until(async () => (await anew.work.oldestWaitingMs()) === 0);
      expect(await countEvents(chat.engines.log)).toBe(before);
      expect(before).toBeGreaterThan(4 * LONG);
    } finally {
      await node.close();
    }
    expect(await countEvents(chat.engines.log, { categories: ['generation'] })).toBe(0);
    expect(head(await chat.ledger(id))).toBe('GenerationFinalized');
  });
});

const head = (events: readonly { type: string }[]) => events.at(-1)?.type;
