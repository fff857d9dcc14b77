import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Chat, CONVERSATIONS, HOLD, startChat, type Turn, typesOf } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { gate } from '../support/gate.js';
import { type Answer, startHttpApp } from '../support/http-app.js';

let chat: Chat;
beforeAll(async () => {
  chat = await startChat();
});
afterAll(() => chat.close());

const newKey = () => randomUUID();
const keyed = (path: string, key: string, body?: string | object, apiKey = chat.adminKey) =>
  chat.post(path, body, { key: apiKey, headers: { 'idempotency-key': key } });
const told = ({ status, json }: Answer) => [status, json];
const reused = (answer: Answer) => expectProblem(answer, 422, 'idempotency_key_reused');

/** A conversation in which every route has something to do. */
async function everyRoute(): Promise<{ id: string; routes: [path: string, body: object | undefined][] }> {
  const id = await chat.started();
  const { messageId, generationId } = await chat.done(id, { content: 'Hi' });
  const silent = await chat.sent(id, { content: 'later', generate: false });
  const held = await chat.sent(id, { content: HOLD });
  const whenBusy = 'enqueue';
  return {
    id,
    routes: [
      [CONVERSATIONS, { title: 'Taxes' }],
      [`${id}/messages`, { content: 'Hi', whenBusy }],
      [`${id}/messages`, { content: 'aside', kind: 'note' }],
      [`${id}/messages/${messageId}/edit`, { content: 'Ho', whenBusy }],
      [`${id}/messages/${silent.messageId}/generate`, { whenBusy }],
      [`${id}/generations/${generationId}/regenerate`, { whenBusy }],
      [`${id}/generations/${held.generationId}/cancel`, undefined],
    ],
  };
}

describe('a request that comes again with its idempotency key', () => {
  it('is answered as the first time, whatever has happened since, on every route that appends', async () => {
    const { id, routes } = await everyRoute();
    const asked: { path: string; body: object | undefined; key: string; first: Answer }[] = [];
    for (const [path, body] of routes) {
      const key = newKey();
      asked.push({ path, body, key, first: await keyed(path, key, body) });
    }
    expect(asked.map(({ first }) => first.status)).toEqual([201, 202, 202, 202, 202, 202, 202]);
    for (const { first } of asked.slice(1)) {
      const { generationId } = first.json as Partial<Turn>;
      if (generationId) await chat.ended(id, generationId);
    }
    const events = await chat.eventCount();
    for (const { path, body, key, first } of asked) {
      expect(told(await keyed(path, key, body))).toEqual(told(first));
    }
    expect(await chat.eventCount()).toBe(events);
  });

  it('is answered with the ids that its events have, also if this release would derive others', async () => {
    const id = await chat.started();
    const { log } = chat.engines;
    const { append } = log;
    const recorded = { messageId: randomUUID(), conversation: randomUUID() };
    // As a release does that derives ids in another way.
    log.append = (stream, expected, events, options) => {
      const [first] = events;
      if (first?.type === 'ConversationStarted')
        return append.call(log, `conversation-${recorded.conversation}`, expected, events, options);
      const renamed = events.map((event) => {
        const data = { ...JSON.parse(event.data), messageId: recorded.messageId };
        return event.type === 'MessageSent' ? { ...event, data: JSON.stringify(data) } : event;
      });
      return append.call(log, stream, expected, renamed, options);
    };
    const [sending, starting] = [newKey(), newKey()];
    const note = { content: 'aside', kind: 'note' };
    expect((await keyed(`${id}/messages`, sending, note)).status).toBe(202);
    expect((await keyed(CONVERSATIONS, starting, {})).status).toBe(201);
    log.append = append;
    expect((await keyed(`${id}/messages`, sending, note)).json).toMatchObject({ messageId: recorded.messageId });
    expect((await keyed(CONVERSATIONS, starting, {})).json).toEqual({ id: recorded.conversation, cursor: '1:0' });
  });

  it('acts again without a key', async () => {
    const id = await chat.started();
    for (const _ of [1, 2]) await chat.done(id, { content: 'Hi' });
    expect(typesOf(await chat.ledger(id)).filter((type) => type === 'MessageSent')).toHaveLength(2);
  });

  it('is the same for any order of its fields, and an absent body equals an empty one', async () => {
    const id = await chat.started();
    const key = newKey();
    const first = await keyed(`${id}/messages`, key, '{"content":"Hi","params":{"seed":1,"top_p":1},"generate":true}');
    expect(first.status).toBe(202);
    const again = await keyed(
      `${id}/messages`,
      key,
      '{ "generate": true, "params": {"top_p": 1.0, "seed": 1e0}, "content": "\\u0048i" }',
    );
    expect(told(again)).toEqual(told(first));
    const { generationId } = first.json as Turn;
    await chat.ended(id, generationId);
    const other = newKey();
    const path = `${id}/generations/${generationId}/regenerate`;
    expect(told(await keyed(path, other, {}))).toEqual(told(await keyed(path, other)));
  });

  it('may have any visible key of 1 to 200 characters', async () => {
    for (const key of ['!', '~'.repeat(200), `"${newKey()}"`]) {
      const first = await keyed(CONVERSATIONS, key, {});
      expect(first.status).toBe(201);
      expect(told(await keyed(CONVERSATIONS, key, {}))).toEqual(told(first));
    }
  });

  it('is known by another node', async () => {
    const member = (await chat.newKey('member')).key;
    const key = newKey();
    const id = await chat.started({}, { key: member });
    const first = await keyed(`${id}/messages`, key, { content: 'Hi' }, member);
    const node = await startHttpApp(chat.engines, { VERBATIM_ROLES: 'api' });
    const headers = { 'idempotency-key': key };
    const again = await node.call('POST', `${CONVERSATIONS}/${id}/messages`, {
      key: member,
      headers,
      body: { content: 'Hi' },
    });
    expect(told(again)).toEqual(told(first));
    reused(await node.call('POST', CONVERSATIONS, { key: member, headers, body: {} }));
    await node.close();
  });

  // Many times, since it is about who comes first.
  it.each(Array.from({ length: 20 }, (_, nth) => [nth]))('has one effect when 20 come at once (%i)', async () => {
    const id = await chat.started();
    const { messageId, generationId } = await chat.done(id, { content: 'Hi' });
    for (const [path, body, types] of [
      [CONVERSATIONS, { title: 'Taxes' }, ['ConversationStarted']],
      [`${id}/messages`, { content: 'aside', kind: 'note' }, ['MessageSent']],
      [`${id}/messages`, { content: HOLD }, ['MessageSent', 'GenerationRequested', 'PromptAssembled']],
      [
        `${id}/messages/${messageId}/edit`,
        { content: 'Ho', whenBusy: 'enqueue' },
        ['MessageSent', 'GenerationRequested'],
      ],
      [`${id}/generations/${generationId}/regenerate`, { whenBusy: 'enqueue' }, ['GenerationRequested']],
    ] as const) {
      const before = await ledgerTypes();
      const key = newKey();
      const answers = await Promise.all(Array.from({ length: 20 }, () => keyed(path, key, body)));
      const [first, ...others] = answers.map(told);
      expect(others).toEqual(Array(19).fill(first));
      expect((await ledgerTypes()).slice(before.length)).toEqual(types);
    }
  });
});

/** All that was ever decided in a conversation, tapes and keys aside. */
async function ledgerTypes(): Promise<string[]> {
  const types: string[] = [];
  for await (const { events } of chat.engines.log.readAll('' as never)) {
    for (const { stream, type } of events) if (stream.startsWith('conversation-')) types.push(type);
  }
  return types;
}

describe('an idempotency key that has been used', () => {
  it('is refused for any other request, which then does nothing', async () => {
    const { id, routes } = await everyRoute();
    const other = await chat.started();
    const key = newKey();
    const first = { content: 'the first', kind: 'note' };
    expect((await keyed(`${id}/messages`, key, first)).status).toBe(202);
    const before = await ledgerTypes();
    for (const [path, body] of [
      ...routes,
      [`${other}/messages`, first] as const,
      [`${id}/messages`, { ...first, generate: false }] as const,
      // What is wrong with it besides does not come to light.
      [`${id}/messages`, { content: '' }] as const,
      [`${id}/messages/nothing/edit`, { content: 'x' }] as const,
      ['no-conversation/messages', first] as const,
      ['no-conversation/generations/nothing/cancel', undefined] as const,
    ]) {
      reused(await keyed(path, key, body));
    }
    expect(await ledgerTypes()).toEqual(before);
  });

  it('does not change the 400 of a malformed request', async () => {
    const id = await chat.started();
    const key = newKey();
    const body = { content: 'aside', kind: 'note' };
    expect((await keyed(`${id}/messages`, key, body)).status).toBe(202);
    for (const malformed of [{}, { ...body, more: 1 }, '{"content":', '[]'])
      expectProblem(await keyed(`${id}/messages`, key, malformed), 400, 'invalid_request');
    expect((await keyed(`${id}/messages`, key, body)).status).toBe(202);
  });

  it('is refused for another conversation as well when it started one', async () => {
    const key = newKey();
    const { json } = await keyed(CONVERSATIONS, key, {});
    reused(await keyed(CONVERSATIONS, key, { title: 'x' }));
    reused(await keyed(`${(json as { id: string }).id}/messages`, key, { content: 'Hi' }));
    reused(await keyed(`${await chat.started()}/messages`, key, { content: 'Hi' }));
  });

  it('is good for one of many requests that come at once', async () => {
    for (let run = 0; run < 20; run++) {
      const [one, other] = [await chat.started(), await chat.started()];
      const before = await ledgerTypes();
      const key = newKey();
      const ask = (nth: number) =>
        nth % 5 === 4
          ? keyed(CONVERSATIONS, key, { title: `${nth}` })
          : keyed(`${nth % 2 ? one : other}/messages`, key, { content: `${nth}`, kind: 'note' });
      const answers = await Promise.all(Array.from({ length: 20 }, (_, nth) => ask(nth)));
      expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
      for (const [nth, { status }] of answers.entries()) if (status >= 300) reused(await ask(nth));
      expect(await ledgerTypes()).toHaveLength(before.length + 1);
    }
  });

  it('is good for one of two requests, also when the first one is still on its way into the log', async () => {
    const [one, other] = [await chat.started(), await chat.started()];
    const [asked, goOn] = [gate(), gate()];
    const { log } = chat.engines;
    const { append } = log;
    log.append = async (stream, ...rest) => {
      if (stream.endsWith(one)) {
        asked.open();
        await goOn.opened;
      }
      return append.call(log, stream, ...rest);
    };
    const key = newKey();
    const note = { content: 'aside', kind: 'note' };
    const slow = keyed(`${one}/messages`, key, note);
    await asked.opened;
    expect((await keyed(`${other}/messages`, key, note)).status).toBe(202);
    goOn.open();
    reused(await slow);
    log.append = append;
    reused(await keyed(`${one}/messages`, key, note));
    expect(await chat.ledger(one)).toHaveLength(1);
  });

  it('is free for another user, and in another tenant', async () => {
    const key = newKey();
    const tenant = (await chat.post('/api/v1/tenants', { name: 'acme' })).json as { key: string };
    const member = (await chat.newKey('member')).key;
    const ids: string[] = [];
    for (const apiKey of [chat.adminKey, member, tenant.key]) {
      const { status, json } = await keyed(CONVERSATIONS, key, { title: apiKey }, apiKey);
      expect(status).toBe(201);
      ids.push((json as { id: string }).id);
    }
    expect(new Set(ids).size).toBe(3);
  });

  it('belongs to the user, whichever key of theirs it comes with', async () => {
    const [one, other] = [await chat.newKey('member'), await chat.newKey('member')];
    const key = newKey();
    const first = await keyed(CONVERSATIONS, key, {}, one.key);
    expect(told(await keyed(CONVERSATIONS, key, {}, other.key))).toEqual(told(first));
  });
});

describe('an idempotency key whose request was refused', () => {
  it('is free again, in the same conversation and in another one', async () => {
    const [one, other] = [await chat.started(), await chat.started()];
    const key = newKey();
    for (const id of [one, other, one]) {
      expectProblem(await keyed(`${id}/messages`, key, { content: '' }), 422, 'content_empty');
      expectProblem(await keyed(`${id}/messages`, key, {}), 400, 'invalid_request');
    }
    for (const nowhere of [randomUUID(), 'no-conversation'])
      expectProblem(await keyed(`${nowhere}/messages`, key, { content: 'Hi' }), 404, 'conversation_not_found');
    const first = await keyed(`${other}/messages`, key, { content: 'Hi' });
    expect(first.status).toBe(202);
    reused(await keyed(`${one}/messages`, key, { content: 'Hi' }));
    expect(told(await keyed(`${other}/messages`, key, { content: 'Hi' }))).toEqual(told(first));
  });

  it('is not bound by what appends nothing', async () => {
    const id = await chat.started();
    const { generationId } = await chat.done(id, { content: 'Hi' });
    const key = newKey();
    expect((await keyed(`${id}/preview`, key, { content: 'Hi' })).status).toBe(200);
    expect((await keyed(`${id}/generations/${generationId}/cancel`, key)).status).toBe(200);
    expect((await keyed(CONVERSATIONS, key, {})).status).toBe(201);
  });
});
