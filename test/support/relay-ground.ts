import { systemClock } from '../../src/adapters/system/system-clock.js';
import { type RecordedEvent, START } from '../../src/events/envelope.js';
import type { Clock } from '../../src/ports/clock.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { RelayDestination } from '../../src/ports/relay.js';
import { cloudEventOf } from '../../src/relay/cloud-event.js';
import { EventRelay } from '../../src/relay/event-relay.js';
import { MemoryCheckpoints } from './memory/memory-checkpoints.js';
import { MemoryEventLog, type PositionShape } from './memory/memory-event-log.js';
import { MemoryHints } from './memory/memory-hints.js';
import { MemoryLeases } from './memory/memory-leases.js';
import { appendAtEnd, newEvent, newStream, someMetadata } from './new-events.js';
import { RecordedHealth } from './recorded-health.js';

/** Pauses are short for it, and nothing else is. */
export const hurriedClock: Clock = {
  now: systemClock.now,
  monotonic: systemClock.monotonic,
  sleep: (milliseconds, signal) => systemClock.sleep(milliseconds / 50, signal),
};

export interface Warning {
  readonly facts: object;
  readonly message: string;
}

/** A log and the stores that relays share, and the relays of as many processes as a test wants. */
export class RelayGround {
  readonly checkpoints = new MemoryCheckpoints();
  readonly leases = new MemoryLeases(systemClock);
  readonly warnings: Warning[] = [];
  readonly health = new RecordedHealth();
  acknowledged = 0;
  private readonly relays: EventRelay[] = [];

  constructor(
    readonly log: EventLog = new MemoryEventLog(),
    private readonly clock: Clock = hurriedClock,
  ) {}

  static ofShape(shape: PositionShape): RelayGround {
    return new RelayGround(new MemoryEventLog(shape));
  }

  start(destination: RelayDestination, holder = 'node-1', leaseMs = 15_000): EventRelay {
    const relay = new EventRelay(destination, {
      log: this.log,
      incarnation: 'the first',
      checkpoints: this.checkpoints,
      leases: this.leases,
      hints: new MemoryHints(),
      clock: this.clock,
      health: this.health,
      holder,
      leaseMs,
      meter: {
        eventsRelayed: (events) => {
          this.acknowledged += events;
        },
      },
      warn: (facts, message) => void this.warnings.push({ facts, message }),
    });
    this.relays.push(relay);
    relay.start();
    return relay;
  }

  async stop(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.stop()));
  }

  /** Deltas of an answer in a conversation, on a tape of their own unless it is said. */
  async deltas(conversation: string, count: number, text = 'hello', stream = newStream()): Promise<void> {
    const meta = { ...someMetadata, conversation };
    const events = Array.from({ length: count }, (_, seq) =>
      newEvent(
        { type: 'DeltaReceived', data: { attempt: 1, seq, block: 0, text, channel: 'content' } },
        { id: crypto.randomUUID(), tenant: 'default', at: '2026-01-02T03:04:05.678Z', meta },
      ),
    );
    await appendAtEnd(this.log, stream, events);
  }

  async chatEvents(): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const page of this.log.readAll(START, { categories: ['conversation', 'generation'] })) {
      events.push(...page.events);
    }
    return events;
  }

  /** As they are to go out, in the order of the log. */
  async chatIds(): Promise<{ id: string; key: string }[]> {
    const log = { identity: await this.log.identity(), incarnation: 'the first' };
    return (await this.chatEvents()).map((event) => ({ id: event.id, key: cloudEventOf(event, log).key }));
  }
}

/** Ids by conversation, as they stand in the log. */
export function idsByKey(messages: readonly { readonly key: string; readonly id: string }[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  for (const { key, id } of messages) byKey.set(key, [...(byKey.get(key) ?? []), id]);
  return byKey;
}
