import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { EventLog } from '../../src/ports/event-log.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { MemoryKeptFolds } from '../support/memory/memory-kept-folds.js';
import { memoryEngines } from '../support/memory-engines.js';
import { newEvent } from '../support/new-events.js';
import { eventsOf } from '../unit/domain/conversation/kept.js';

const TURNS = 225;
const meta = { owner: 'admin', actor: { id: 'admin', kind: 'user' }, correlationId: 'c', commandId: 'c' };

/** One process after the other, on the same log and stores. */
let processes: HttpApp[];
let engines: ReturnType<typeof memoryEngines>;
let conversation: string;

beforeEach(async () => {
  processes = [];
  engines = memoryEngines();
  conversation = randomUUID();
  const turns = Array.from({ length: TURNS }, () => ({ act: 'turn' as const, pick: 7, other: 1 }));
  const events = eventsOf([{ act: 'start', pick: 6, other: 6 }, ...turns]).map((event) =>
    newEvent(event, { id: randomUUID(), tenant: 'default', at: event.at, meta }),
  );
  await engines.log.append(`conversation-${conversation}`, 'none', events);
});
afterEach(async () => {
  for (const process of processes) await process.close();
});

/** A process that has just started. It counts the ledger events that it reads. */
async function startProcess(keptFolds = engines.keptFolds) {
  const read = { events: 0 };
  const counted: Pick<EventLog, 'readStream'> = {
    async *readStream(stream, options) {
      for await (const page of engines.log.readStream(stream, options)) {
        if (stream === `conversation-${conversation}`) read.events += page.length;
        yield page;
      }
    },
  };
  const log: EventLog = Object.assign(Object.create(engines.log), counted);
  const app = await startHttpApp({ ...engines, log, keptFolds }, { VERBATIM_ROLES: 'api,saga' });
  const key = processes[0]?.adminKey ?? app.adminKey;
  const call = (method: 'POST' | 'PATCH', path: string, body: object) =>
    app.call(method, `/api/v1/conversations/${conversation}${path}`, { key, body });
  processes.push(app);
  return { app, read, call };
}

const setting = { tokenBudget: 600 };
const asking = { content: 'What did we say?' };

it('a process that has just started decides as one that has read the whole conversation, and reads little of it', async () => {
  const first = await startProcess();
  expect((await first.call('PATCH', '', setting)).status).toBe(200);
  expect(first.read.events).toBeGreaterThan(4 * TURNS);
  await first.app.close();
  expect((engines.keptFolds as MemoryKeptFolds).rows.size).toBe(1);

  const second = await startProcess();
  const whole = await startProcess(new MemoryKeptFolds());
  const [preview, expected] = [
    await second.call('POST', '/preview', asking),
    await whole.call('POST', '/preview', asking),
  ];
  expect([preview.status, preview.json]).toEqual([200, expected.json]);
  expect((await second.call('PATCH', '', { title: 'another' })).status).toBe(200);
  expect((await second.call('POST', '/messages', asking)).status).toBe(202);
  expect(second.read.events).toBeLessThan(TURNS);
  expect(whole.read.events).toBeGreaterThan(4 * TURNS);
});
