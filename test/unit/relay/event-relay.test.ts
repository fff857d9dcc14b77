import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { START } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { RetryableError, TerminalError } from '../../../src/ports/errors.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { DeniedByDestination, MessagesTooLarge } from '../../../src/ports/relay.js';
import type { EventRelay } from '../../../src/relay/event-relay.js';
import { gate } from '../../support/gate.js';
import { appendAtEnd, newDelta } from '../../support/new-events.js';
import { hurriedClock, RelayGround } from '../../support/relay-ground.js';
import { type Fate, ScriptedRelay } from '../../support/scripted-relay.js';
import { until } from '../../support/until.js';

let ground: RelayGround;
let destination: ScriptedRelay;
beforeEach(() => {
  ground = new RelayGround();
  destination = new ScriptedRelay();
});
afterEach(() => ground.stop());

const logged = async () => (await ground.chatEvents()).map(({ id }) => id);
const checkpoint = () => ground.checkpoints.open('relay script', 1);
const troubleOf = ({ state }: EventRelay) => (state.is === 'relaying' ? state.trouble : undefined);

describe('the relay', () => {
  it('sends every event of the chat streams, and no other', async () => {
    await ground.deltas('a', 5);
    await ground.log.append('tenant-t', 'none', [newDelta()]);
    await ground.log.append('access-t-2026-01-01-w', 'none', [newDelta()]);
    await ground.log.append('conversation-a', 'none', [newDelta()]);
    ground.start(destination);
    await ground.deltas('b', 5);
    await until(() => destination.kept.length === 11);
    expect(new Set(destination.ids())).toEqual(new Set(await logged()));
    expect(ground.acknowledged).toBe(11);
  });

  it('names the log in every event, so that positions of another one are not taken for its own', async () => {
    await ground.deltas('a', 2);
    ground.start(destination);
    await until(() => destination.kept.length === 2);
    const log = await ground.log.identity();
    expect(destination.kept.map(({ headers }) => headers.ce_log)).toEqual([log, log]);
  });

  it('sends nothing while the identity of the log cannot be read, and reports why', async () => {
    await ground.deltas('a', 2);
    const { log } = ground;
    const identity = log.identity.bind(log);
    log.identity = async () => {
      throw new RetryableError('the log is away');
    };
    const relay = ground.start(destination);
    await until(() => troubleOf(relay) === 'the log is away');
    expect(destination.kept).toEqual([]);
    log.identity = identity;
    await until(() => destination.kept.length === 2);
  });

  it('keeps the order of a conversation over its ledger and its tapes', async () => {
    for (let turn = 0; turn < 20; turn++) {
      await appendAtEnd(ground.log, 'conversation-a', [newDelta()]);
      await ground.deltas('a', 3);
    }
    ground.start(destination);
    await until(() => destination.kept.length === 80);
    expect(destination.ids()).toEqual(await logged());
  });

  it('writes a checkpoint only behind what is acknowledged, and goes on there', async () => {
    await ground.deltas('a', 3);
    const { opened, open } = gate();
    destination.fateOf = async (): Promise<Fate> => {
      await opened;
      return 'acknowledged';
    };
    const relay = ground.start(destination);
    await until(() => destination.sends === 1);
    expect(await checkpoint()).toBe(START);
    open();
    await until(() => destination.kept.length === 3);
    await relay.stop();
    expect(await checkpoint()).toBe(await ground.log.head());
    await ground.deltas('a', 2);
    ground.start(destination);
    await until(() => destination.kept.length === 5);
    expect(destination.ids()).toEqual(await logged());
  });

  it('moves its checkpoint past events that are not relayed', async () => {
    await ground.log.append('tenant-t', 'none', [newDelta(), newDelta()]);
    const relay = ground.start(destination);
    await until(async () => (await relay.backlog()).distance === 0);
    await relay.stop();
    expect(await checkpoint()).toBe(await ground.log.head());
  });

  it('reads no further than one step ahead of what is acknowledged', async () => {
    let pages = 0;
    const { log } = ground;
    const counted: EventLog = Object.assign(Object.create(log), {
      async *subscribe(...args: Parameters<EventLog['subscribe']>) {
        for await (const page of log.subscribe(...args)) {
          pages += 1;
          yield page;
        }
      },
    });
    ground = new RelayGround(counted);
    const pagesOfStep = limits.relayStepEventsMax / limits.readPageEventsMax;
    const events = 3 * limits.relayStepEventsMax;
    for (let written = 0; written < events; written += 1_000) await ground.deltas(`conversation ${written % 5}`, 1_000);
    const { opened, open } = gate();
    destination.fateOf = async (): Promise<Fate> => {
      await opened;
      return 'acknowledged';
    };
    ground.start(destination);
    await until(() => destination.sends === 1 && pages === 2 * pagesOfStep);
    await new Promise((resolve) => setImmediate(resolve));
    expect([destination.sends, pages]).toEqual([1, 2 * pagesOfStep]);
    open();
    await until(() => destination.kept.length === events);
  });

  it('sends a batch that failed again before anything that follows it', async () => {
    await ground.deltas('a', limits.relaySendEventsMax);
    await ground.deltas('a', 10);
    const fates = ['lost', 'kept, but no answer', 'lost'] as const;
    const tried: string[] = [];
    destination.fateOf = (_, messages) => {
      tried.push(String(messages[0]?.headers.ce_id));
      return fates[tried.length - 1] ?? 'acknowledged';
    };
    ground.start(destination);
    await until(() => destination.ids().includes(tried.at(-1) ?? '') && tried.length === 5);
    const ids = await logged();
    const [first, second] = [ids[0], ids[limits.relaySendEventsMax]];
    expect(tried).toEqual([first, first, first, first, second]);
    expect(destination.ids()).toEqual([...ids.slice(0, limits.relaySendEventsMax), ...ids]);
  });

  it('does not send again what another partition had acknowledged', async () => {
    for (const conversation of ['a', 'b', 'c', 'd', 'e']) await ground.deltas(conversation, 10);
    const failedOnce = new Set<number>();
    destination.fateOf = (partition) => {
      if (partition === 0 || failedOnce.has(partition)) return 'acknowledged';
      failedOnce.add(partition);
      return 'lost';
    };
    ground.start(destination);
    await until(() => destination.kept.length === 50);
    expect(failedOnce.size).toBe(2);
    expect(new Set(destination.ids()).size).toBe(50);
  });

  it('waits while the brokers are away, warns once, and loses nothing', async () => {
    await ground.deltas('a', 3);
    let tries = 0;
    destination.beforeConnect = () => {
      tries += 1;
      if (tries <= 10) throw new RetryableError('Kafka is away');
    };
    const relay = ground.start(destination);
    await until(() => tries > 2);
    expect(troubleOf(relay)).toBe('Kafka is away');
    expect(await relay.backlog()).toMatchObject({ events: 3, oldestAt: '2026-01-02T03:04:05.678Z' });
    await until(() => destination.kept.length === 3);
    await until(() => troubleOf(relay) === undefined);
    expect(destination.ids()).toEqual(await logged());
    expect(ground.warnings).toEqual([
      { facts: { reason: 'Kafka is away' }, message: 'the relay cannot send; the relay retries until it succeeds' },
      { facts: {}, message: 'the relay has resumed' },
    ]);
  });

  it('reports the reason of each broker once, in whatever order it tries them', async () => {
    await ground.deltas('a', 3);
    let tries = 0;
    destination.beforeConnect = () => {
      tries += 1;
      if (tries <= 10) throw new RetryableError(`Kafka is away: broker ${tries % 2}`);
    };
    ground.start(destination);
    await until(() => destination.kept.length === 3);
    const reasons = ground.warnings.map(({ facts }) => facts);
    expect(reasons.slice(0, 2)).toEqual([{ reason: 'Kafka is away: broker 1' }, { reason: 'Kafka is away: broker 0' }]);
  });

  it('continues while it cannot write its checkpoint, and sends the events after it again', async () => {
    const { checkpoints } = ground;
    const save = checkpoints.save.bind(checkpoints);
    const relay = ground.start(destination);
    await until(() => destination.open === 1);
    checkpoints.save = async () => {
      throw new RetryableError('the store is away');
    };
    await ground.deltas('a', 3);
    await until(() => destination.kept.length === 3);
    await relay.stop();
    checkpoints.save = save;
    ground.start(destination);
    await until(() => destination.kept.length === 6);
    expect(destination.ids()).toEqual([...(await logged()), ...(await logged())]);
  });

  it('halves a send that is too large', async () => {
    await ground.deltas('a', 100);
    destination.fateOf = (_, { length }) => (length > 7 ? new MessagesTooLarge('too large') : 'acknowledged');
    ground.start(destination);
    await until(() => destination.kept.length === 100);
    expect(destination.ids()).toEqual(await logged());
  });

  it('stops with a warning at an event that is too large, and reports the backlog', async () => {
    await ground.deltas('a', 3);
    const large = newDelta('large');
    await ground.log.append('conversation-a', 'none', [large]);
    await ground.deltas('a', 3);
    destination.fateOf = (_, messages) =>
      messages.some(({ headers }) => headers.ce_id === large.id) ? new MessagesTooLarge('too large') : 'acknowledged';
    const relay = ground.start(destination);
    await until(() => relay.state.is === 'refused');
    const reason = `event 0 of conversation-a (DeltaReceived, id ${large.id}): too large`;
    expect(relay.state).toEqual({ is: 'refused', reason });
    expect(ground.warnings).toMatchObject([
      { facts: { reason }, message: 'the relay has stopped; it has skipped no event' },
    ]);
    expect(destination.ids()).toEqual((await logged()).slice(0, 3));
    expect((await relay.backlog()).events).toBeGreaterThanOrEqual(4);
    expect(destination.open).toBe(0);
  });

  it('stops with a warning when it is refused, and sends nothing', async () => {
    await ground.deltas('a', 3);
    destination.beforeConnect = () => {
      throw new TerminalError('the topic has 3 partitions, expected 12');
    };
    const relay = ground.start(destination);
    await until(() => relay.state.is === 'refused');
    expect(relay.state).toEqual({ is: 'refused', reason: 'the topic has 3 partitions, expected 12' });
    expect((await relay.backlog()).events).toBe(3);
    expect(ground.warnings).toHaveLength(1);
    expect(destination.kept).toEqual([]);
  });

  it('asks a destination that refuses it again, says that it is denied, and sends all once it may', async () => {
    await ground.deltas('a', 3);
    let refuses = true;
    let tries = 0;
    destination.beforeConnect = () => {
      tries += 1;
      if (refuses) throw new DeniedByDestination('Kafka refuses: TOPIC_AUTHORIZATION_FAILED');
    };
    const relay = ground.start(destination);
    await until(() => tries > 2);
    expect(relay.state).toEqual({ is: 'denied', reason: 'Kafka refuses: TOPIC_AUTHORIZATION_FAILED' });
    expect((await relay.backlog()).events).toBe(3);
    refuses = false;
    await until(() => relay.state.is === 'relaying' && destination.kept.length === 3);
    expect(destination.ids()).toEqual(await logged());
    expect(ground.warnings).toEqual([
      {
        facts: { reason: 'Kafka refuses: TOPIC_AUTHORIZATION_FAILED' },
        message: 'the destination of the relay refuses; the relay retries until it succeeds',
      },
      { facts: {}, message: 'the relay has resumed' },
    ]);
  });

  it('continues when a right is taken away between two sends and given back', async () => {
    let denied = 2;
    destination.fateOf = () => {
      if (destination.kept.length === 0 || denied === 0) return 'acknowledged';
      denied -= 1;
      return new DeniedByDestination('Kafka refuses: TOPIC_AUTHORIZATION_FAILED');
    };
    ground.start(destination);
    await ground.deltas('a', 3);
    await until(() => destination.kept.length > 0);
    await ground.deltas('a', 3);
    await until(() => destination.kept.length === 6);
    expect(denied).toBe(0);
    expect(destination.ids()).toEqual(await logged());
  });

  it('waits longer from try to try, and longest while it is denied', async () => {
    const leaseMs = 600_000;
    const pauses: number[] = [];
    const clock = {
      now: hurriedClock.now,
      monotonic: hurriedClock.monotonic,
      sleep: (milliseconds: number, signal?: AbortSignal) => {
        // The owner of the lease sleeps too, for about a third of it.
        if (tries > 0 && milliseconds < leaseMs / 6) pauses.push(milliseconds);
        return hurriedClock.sleep(Math.min(milliseconds, 50), signal);
      },
    };
    let tries = 0;
    ground = new RelayGround(undefined, clock);
    destination.beforeConnect = () => {
      tries += 1;
      throw new DeniedByDestination('Kafka refuses: SASL_AUTHENTICATION_FAILED');
    };
    ground.start(destination, 'node-1', leaseMs);
    await until(() => tries > 7);
    expect(pauses.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('has one owner, and the next one goes on where that stopped', async () => {
    const owner = ground.start(destination, 'node-1');
    await until(() => owner.state.is === 'relaying');
    const standby = ground.start(destination, 'node-2');
    await ground.deltas('a', 5);
    await until(() => destination.kept.length === 5);
    expect(standby.state).toEqual({ is: 'waiting' });
    await owner.stop();
    expect(owner.state).toEqual({ is: 'stopped' });
    await until(() => standby.state.is === 'relaying');
    await ground.deltas('a', 5);
    await until(() => destination.kept.length === 10);
    expect(destination.ids()).toEqual(await logged());
  });

  it('closes its connection when a later owner has announced itself', async () => {
    const relay = ground.start(destination);
    await until(() => destination.open === 1);
    await ground.checkpoints.open('relay script', 1_000);
    await ground.deltas('a', 1);
    await until(() => relay.state.is === 'waiting');
    expect(destination.open).toBe(0);
  });

  it('is stopped while it sends, and gives up what is not acknowledged', async () => {
    await ground.deltas('a', 3);
    destination.fateOf = () => 'lost';
    const relay = ground.start(destination);
    await until(() => destination.sends > 2);
    await relay.stop();
    expect(await checkpoint()).toBe(START);
    expect(destination.open).toBe(0);
  });
});
