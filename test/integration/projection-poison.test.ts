import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RetryableError, TerminalError, TimedOut } from '../../src/ports/errors.js';
import type { Build, Step } from '../../src/ports/read-models/read-models.js';
import { projections } from '../../src/projections/all.js';
import { conversationsTable } from '../../src/projections/conversations/rows.js';
import { headsTable } from '../../src/projections/messages/rows.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryReadModels } from '../support/memory/memory-read-models.js';
import { memoryViews } from '../support/memory/memory-views.js';
import { appendAtEnd, newDelta } from '../support/new-events.js';
import { type Projecting, startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

/** Read models whose writing can be made to fail. */
class FailingReadModels extends MemoryReadModels {
  failing: (build: Build, step: Step) => Error | undefined = () => undefined;

  override async commit(build: Build, epoch: number, step: Step): Promise<boolean> {
    const error = this.failing(build, step);
    if (error) throw error;
    return super.commit(build, epoch, step);
  }
}

describe('an event that cannot be applied', () => {
  let log: MemoryEventLog;
  let models: FailingReadModels;
  let projecting: Projecting;
  beforeEach(() => {
    log = new MemoryEventLog();
    models = new FailingReadModels();
  });
  afterEach(() => projecting.stop());

  const start = async () => {
    projecting = await startProjecting(log, { builds: models, lanes: models, views: memoryViews(models) });
  };
  const standing = async (name: string) => {
    const build = (await models.list()).find(({ projection }) => projection === name);
    if (!build) throw new Error(`no build of ${name}`);
    return build;
  };
  const poisonOf = async (name: string) => (await standing(name)).poison;
  const titles = () => [...models.rows('conversations', conversationsTable).values()].map(({ title }) => title);

  async function damaged(chat: ChatLog, event: object = {}): Promise<void> {
    const { meta } = newDelta();
    const broken = { ...newDelta(), type: 'MessageSent', data: '{"broken":true}', ...event };
    await appendAtEnd(log, `conversation-${chat.id}`, [{ ...broken, meta: meta.replace('"c1"', `"${chat.id}"`) }]);
  }

  it.each([
    ['damaged', {}],
    ['of a newer version', { type: 'OfANewerVersion' }],
  ])('%s, parks its conversation in views and stops what audits; all others continue', async (reason, event) => {
    const [bad, good] = [new ChatLog(log), new ChatLog(log)];
    await bad.started('bad');
    for (let nth = 0; nth < 40; nth++) await (await new ChatLog(log).started(`${nth}`)).sent(randomUUID(), 'x');
    await damaged(bad, event);
    await good.started('good');
    await bad.ledger({ type: 'ConversationRenamed', data: { title: 'waits' } });
    await good.ledger({ type: 'ConversationRenamed', data: { title: 'better' } });
    await start();

    await until(async () => titles().includes('better') && (await standing('messages')).parked.length === 1);
    expect(titles()).toHaveLength(42);
    expect(titles()).toEqual(expect.arrayContaining(['bad', '0', '39']));
    for (const name of ['conversations', 'messages']) {
      const { parked, poison: stopped } = await standing(name);
      const poison = { event: { stream: `conversation-${bad.id}`, revision: 1 } };
      expect(parked).toMatchObject([{ stream: `conversation-${bad.id}`, poison }]);
      expect(stopped).toBeNull();
    }
    for (const name of ['runs', 'usage']) {
      await until(async () => (await poisonOf(name)) !== null);
      expect(await poisonOf(name)).toMatchObject({ event: { stream: `conversation-${bad.id}`, revision: 1 } });
      expect((await standing(name)).parked).toEqual([]);
    }
    expect(JSON.stringify(projecting.warnings)).not.toContain('broken');
    expect(projecting.warnings.length).toBeGreaterThanOrEqual(4);
    for (const facts of projecting.warnings)
      expect(Object.keys(facts).sort()).toEqual(['build', 'event', 'projection', 'reason']);
    if (reason !== 'damaged') expect((await poisonOf('runs'))?.reason).toContain('newer version');
  });

  it('is replayed on demand, from the beginning of its conversation, and then no event is missing', async () => {
    const [bad, good] = [new ChatLog(log), new ChatLog(log)];
    await bad.started('bad');
    await good.started('good');
    const holds = ({ changes }: Step) => changes.some(({ key, row }) => row && key.startsWith(bad.id));
    models.failing = (_, step) => (holds(step) ? new TerminalError('no such row can be written') : undefined);
    await bad.turn('1', ['Hello']);
    await bad.sent('m2', 'two', { parent: 'g1' });
    await bad.asked('g2', 'm2');
    await bad.claimed('g2');
    await good.turn('3', ['x']);
    await start();
    await until(
      async () => (await standing('conversations')).parked.length + (await standing('messages')).parked.length === 2,
    );
    await projecting.caughtUp().catch(() => {});
    expect(titles()).toEqual(['good']);

    const stream = `conversation-${bad.id}`;
    expect(await models.replay('messages', stream)).toBe(true);
    const before = projecting.warnings.length;
    await until(async () => {
      projecting.host.wake();
      return (await standing('messages')).parked[0]?.poison.reason === 'no such row can be written';
    });
    expect((await standing('messages')).parked).toHaveLength(1);
    expect(projecting.warnings.length).toBeGreaterThanOrEqual(before);

    models.failing = () => undefined;
    for (const name of ['conversations', 'messages']) {
      await models.replay(name, stream);
      await until(async () => {
        projecting.host.wake();
        return (await standing(name)).parked.length === 0;
      });
    }
    await bad.delta('g2', 'more');
    await bad.ledger({ type: 'ConversationRenamed', data: { title: 'well' } });
    await until(() => titles().includes('well'));

    // What a build shows that never had any trouble.
    const fresh = new MemoryReadModels();
    const again = await startProjecting(log, { builds: fresh, lanes: fresh, views: memoryViews(fresh) });
    await again.caughtUp();
    await again.stop();
    await until(() => models.rows('messages', headsTable).get(bad.id)?.title === 'well');
    for (const { name, tables } of projections.filter(({ onPoison }) => onPoison === 'park')) {
      for (const table of tables) expect(models.rows(name, table)).toEqual(fresh.rows(name, table));
    }
  });

  it('a stream whose replay takes too long is parked again, with the reason, and the next one is replayed', async () => {
    const [large, small] = [await new ChatLog(log).started('large'), await new ChatLog(log).started('small')];
    models.failing = (_, { changes }) => (changes.length > 0 ? new TerminalError('no row can be written') : undefined);
    await start();
    await until(async () => (await standing('messages')).parked.length === 2);
    models.failing = (_, { unparked }) =>
      unparked === `conversation-${large.id}` ? new TimedOut('the database did not answer in time') : undefined;
    expect(await models.replayAll('messages')).toBe(2);
    await until(async () => {
      projecting.host.wake();
      return (await standing('messages')).parked.every(({ replaying }) => !replaying);
    });
    expect((await standing('messages')).parked).toMatchObject([
      { stream: `conversation-${large.id}`, poison: { reason: 'the database did not answer in time' } },
    ]);
    expect(models.rows('messages', headsTable).has(small.id)).toBe(true);
  });

  it('is not blamed for an outage', async () => {
    let outages = 3;
    models.failing = () => (outages-- > 0 ? new RetryableError('away', { retryAfterMs: 1 }) : undefined);
    const chat = await new ChatLog(log).started('there');
    await chat.turn('1', ['Hello']);
    await start();
    await projecting.caughtUp();
    expect(titles()).toEqual(['there']);
    expect((await models.list()).flatMap(({ parked }) => parked)).toEqual([]);
    expect(projecting.warnings).toEqual([]);
  });

  it('and what comes before its beginning: a gap in a conversation parks it, and is not passed over', async () => {
    const chat = await new ChatLog(log).started('whole');
    await start();
    await projecting.caughtUp();
    await projecting.stop();
    // As if an event had been lost on its way into the view.
    const build = await standing('messages');
    await models.open(build, 1);
    const head = models.rows('messages', headsTable).get(chat.id);
    if (!head) throw new Error('no head');
    const { position } = build;
    const changes = [{ table: headsTable, key: chat.id, row: { ...head, seen: 0 } }] as const;
    await models.commit(build, 1, { from: position, to: position, handled: 1, changes });
    await chat.ledger({ type: 'ConversationRenamed', data: { title: 'later' } });
    await start();
    await until(async () => (await standing('messages')).parked.length === 1);
    expect((await standing('messages')).parked[0]?.poison.reason).toContain('continues with event 1');
  });
});
