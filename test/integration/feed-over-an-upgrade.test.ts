import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Engines } from '../../src/app/engines.js';
import type { RecordedEvent } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { ApiClient } from '../support/api-client.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { until } from '../support/until.js';

/** The log as a process reads it that was released before this type of event. */
function beforeTheReleaseOf(type: string, log: EventLog): EventLog {
  const unknown = (event: RecordedEvent) => (event.type === type ? { ...event, type: 'FromANewerRelease' } : event);
  return Object.create(log, {
    readStream: {
      async *value(...args: Parameters<EventLog['readStream']>) {
        for await (const page of log.readStream(...args)) yield page.map(unknown);
      },
    },
    readAll: {
      async *value(...args: Parameters<EventLog['readAll']>) {
        for await (const page of log.readAll(...args)) yield { ...page, events: page.events.map(unknown) };
      },
    },
    subscribe: {
      async *value(...args: Parameters<EventLog['subscribe']>) {
        for await (const page of log.subscribe(...args)) yield { ...page, events: page.events.map(unknown) };
      },
    },
  });
}

describe('a feed during a rolling upgrade', () => {
  let older: HttpApp;
  let newer: HttpApp;
  const clients: ApiClient[] = [];
  let engines: Engines;
  beforeEach(async () => {
    engines = memoryEngines();
    newer = await startHttpApp(engines);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await older.close();
    await newer.close();
  });

  async function clientOf({ app }: HttpApp, key: string): Promise<ApiClient> {
    await app.listen(0, '127.0.0.1');
    const client = new ApiClient(await app.getUrl(), key);
    clients.push(client);
    return client;
  }

  it.each([
    ['ConversationRenamed', 'conversation-renamed'],
    ['PromptAssembled', 'prompt-assembled'],
    ['GenerationClaimed', 'generation-claimed'],
    ['DeltaReceived', 'delta'],
    ['AttemptEnded', 'attempt-ended'],
    ['GenerationFinalized', 'generation-finalized'],
  ])(
    'is cut where an older process does not know %s, and a newer one continues it without a gap',
    async (type, name) => {
      older = await startHttpApp(
        { ...engines, log: beforeTheReleaseOf(type, engines.log) },
        { VERBATIM_ROLES: 'api', LOG_LEVEL: 'fatal' },
      );
      const { key } = await newer.newKey('member');
      const [atOlder, atNewer] = [await clientOf(older, key), await clientOf(newer, key)];
      const { id } = await atNewer.ask('POST', '/conversations', { title: 'before' });
      const path = `/conversations/${id}`;
      const cut = await atOlder.stream('GET', `${path}/events?after=0:0`);
      await until(() => cut.events.length === 1);
      const said = async (content: string) => {
        const { generationId } = await atNewer.ask('POST', `${path}/messages`, { content });
        await until(async () => (await atNewer.ask('GET', `/runs/${generationId}`)).status === 'final');
      };
      await said('first');
      await atNewer.ask('PATCH', path, { title: 'after' });
      await said('second');
      await until(() => cut.isClosed);

      const whole = await atNewer.stream('GET', `${path}/events?after=0:0`);
      await until(() => whole.events.filter(({ event }) => event === 'generation-finalized').length === 2);
      // What was written last may be lost with the connection: then the client resumes at an earlier cursor.
      expect(whole.events.findIndex(({ event }) => event === name)).toBeGreaterThanOrEqual(cut.events.length);
      const rest = await atNewer.stream('GET', `${path}/events`, undefined, {
        'last-event-id': cut.cursors.at(-1) ?? '',
      });
      await until(() => rest.cursors.at(-1) === whole.cursors.at(-1));
      expect([...cut.events, ...rest.events]).toEqual(whole.events);
      // An older process cuts it again where it did before.
      const again = await atOlder.stream('GET', `${path}/events?after=${cut.cursors.at(-1)}`);
      await until(() => again.isClosed);
      expect(again.events.map(({ event }) => event)).not.toContain(name);
      expect(again.events).toEqual(rest.events.slice(0, again.events.length));
    },
  );
});
