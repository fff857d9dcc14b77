import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandClaims } from '../../src/adapters/eventstoredb/command-claims.js';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { wentBack } from '../../src/app/log-went-back.js';
import { incarnationsOf } from '../../src/commands/incarnations.js';
import { START } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { startStandIn } from '../support/eventstore/stand-in.js';
import { startFailoverAddress } from '../support/failover-address.js';
import { MemoryCommandPlaces } from '../support/memory/memory-command-places.js';
import { newDelta, newDeltas, newStream } from '../support/new-events.js';
import { startOwnPostgres } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

/** A log that several processes have open, and that can be put back to an earlier moment under them. */
interface RestorableLog {
  open(): EventLog;
  /** What is appended from here on is lost with `restore`. */
  backUp(): Promise<void>;
  /** `grow` is called on the restored log before any of the processes can reach it. */
  restore(grow: (log: EventLog) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

async function inPostgres(): Promise<RestorableLog> {
  const primary = await startOwnPostgres();
  const address = await startFailoverAddress(primary.connection);
  const servers = [primary];
  return {
    open: () => new PostgresEventLog(address.connection),
    async backUp() {
      servers.push(await primary.startFromBackup());
    },
    async restore(grow) {
      const { connection } = servers[1] ?? primary;
      const restored = new PostgresEventLog(connection);
      await grow(restored);
      await restored.close();
      address.leadTo(connection);
    },
    async stop() {
      await address.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function onStandIn(): Promise<RestorableLog> {
  const standIn = await startStandIn();
  let count = 0;
  const places = new MemoryCommandPlaces();
  const open = (url: string) => new CommandClaims(new EventStoreDbEventLog(serverAddress(url)), places);
  return {
    open: () => open(standIn.url),
    async backUp() {
      count = standIn.events.length;
    },
    async restore(grow) {
      await standIn.restore(count, async () => {
        const restored = open(standIn.innerUrl);
        await grow(restored);
        await restored.close();
      });
    },
    stop: () => standIn.stop(),
  };
}

for (const [engine, start] of [
  ['Postgres', inPostgres],
  ['a stand-in for EventStoreDB', onStandIn],
] as const) {
  describe(`a log on ${engine} that is restored under live processes`, () => {
    let restorable: RestorableLog;
    let logs: EventLog[];
    beforeEach(async () => {
      restorable = await start();
      logs = [restorable.open(), restorable.open()];
    });
    afterEach(async () => {
      await Promise.all(logs.map((log) => log.close()));
      await restorable.stop();
    });

    const growths = {
      'without any append in between': async () => {},
      'and that has grown past the old end': async (log: EventLog) => {
        for (let nth = 0; nth < 30; nth++) await log.append(newStream(), 'none', newDeltas(5));
      },
      'and whose new event has the position of a lost one': async (log: EventLog) => {
        await log.append('generation-a', 0, [newDelta()]);
      },
    };
    it.each(Object.entries(growths))('is noticed by each of them, %s', async (_, grow) => {
      const [log, other] = logs as [EventLog, EventLog];
      await log.identity();
      await log.append('generation-a', 'none', [newDelta()]);
      const incarnations = await incarnationsOf(log);
      await restorable.backUp();
      const subscribers = logs.map((each) => follow(each, START));
      const lost = newDelta();
      await log.append('generation-a', 0, [lost]);
      await until(() => subscribers.every((subscriber) => subscriber.ids().includes(lost.id)));

      await restorable.restore(grow);
      const openLogAnew = async () => restorable.open();
      const texts = await Promise.all(logs.map((each) => wentBack({ log: each, incarnations, openLogAnew })));
      const restored = restorable.open();
      const now = await incarnationsOf(restored);
      expect(now).toHaveLength(2);
      expect(now[0]).toBe(incarnations[0]);
      for (const text of texts) expect(text).toContain(`The log is now in incarnation ${now[1]}.`);
      for (const { continuity } of logs) {
        const { message } = await continuity.broken;
        expect(message).toMatch(/went back: .*does not hold event [0-9a-f-]{36} any more$/);
      }

      const seen = subscribers.map((subscriber) => subscriber.ids());
      expect((await log.append('generation-a', 1, [newDelta()])).outcome).toBe('unavailable');
      await expect(readable(other)).rejects.toThrow(/went back/);
      await expect(other.head()).rejects.toThrow(/went back/);
      expect((await restored.append(newStream(), 'none', [newDelta()])).outcome).toBe('appended');
      await restored.close();
      await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
      expect(subscribers.map((subscriber) => subscriber.ids())).toEqual(seen);
    });

    it('is not reported after an outage of the server without a loss', async () => {
      const [log] = logs as [EventLog, EventLog];
      const subscriber = follow(log, START);
      const before = newDelta();
      await log.append(newStream(), 'none', [before]);
      await until(() => subscriber.ids().length === 1);
      await restorable.backUp();
      await restorable.restore(async () => {});
      const after = newDelta();
      await until(async () => (await log.append(newStream(), 'none', [after])).outcome !== 'unavailable');
      await until(() => subscriber.ids().length === 2);
      await subscriber.stop();
      expect(subscriber.ids()).toEqual([before.id, after.id]);
      expect(log.continuity.isBroken).toBe(false);
    });
  });
}

async function readable(log: EventLog): Promise<void> {
  for await (const _ of log.readStream('generation-a')) return;
}
