import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CommandClaims } from '../../../src/adapters/eventstoredb/command-claims.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { Folds } from '../../../src/commands/folds.js';
import { CommandKnown, transact } from '../../../src/commands/transact.js';
import type { Decide } from '../../../src/domain/decider.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { type Tenant, tenant } from '../../../src/domain/tenant.js';
import type { TenantEvent } from '../../../src/events/catalogue.js';
import { LogUnavailable, RetryableError } from '../../../src/ports/errors.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { gate } from '../../support/gate.js';
import { MemoryCommandPlaces } from '../../support/memory/memory-command-places.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import {
  codec,
  deltasOf,
  newDelta,
  newDeltas,
  newStream,
  someMetadata,
  wholeStream,
} from '../../support/new-events.js';

let log: MemoryEventLog;
let places: MemoryCommandPlaces;
let one: CommandClaims;
let other: CommandClaims;
let command: string;
let [stream, elsewhere] = ['', ''];

/** Two processes on one log. */
beforeEach(() => {
  log = new MemoryEventLog('sparse');
  places = new MemoryCommandPlaces();
  [one, other] = [new CommandClaims(log, places), new CommandClaims(log, places)];
  [command, stream, elsewhere] = [randomUUID(), newStream(), newStream()];
});

describe('a command on a log that cannot record it', () => {
  it.each([
    ['one', 'other'],
    ['other', 'one'],
  ])('acts once when %s of two processes is held at its append', async (held) => {
    const { open, opened } = gate();
    const isHeld = gate();
    const slow = new CommandClaims(
      Object.assign(Object.create(log), {
        append: async (...args: Parameters<MemoryEventLog['append']>) => {
          isHeld.open();
          await opened;
          return log.append(...args);
        },
      }),
      places,
    );
    const [first, second] = held === 'one' ? [stream, elsewhere] : [elsewhere, stream];
    const waiting = slow.append(first, 'none', deltasOf(command, 1), { command });
    await isHeld.opened;
    const refused = { outcome: 'command-known', stream: first, revision: 0 };
    expect(await other.append(second, 'none', deltasOf(command, 1), { command })).toEqual(refused);
    open();
    expect(await waiting).toMatchObject({ outcome: 'appended' });
    expect([...(await wholeStream(log, stream)), ...(await wholeStream(log, elsewhere))]).toHaveLength(1);
  });

  it('can still act in its stream, and in no other one, when its process died before the append', async () => {
    await log.append(stream, 'none', newDeltas(4));
    await places.claim(command, { stream, revision: 4 });
    await log.append(stream, 3, newDeltas(2));
    const known = { outcome: 'command-known', stream, revision: 4 };
    expect(await one.append(elsewhere, 'none', deltasOf(command, 1), { command })).toEqual(known);
    expect(await one.findCommand(command)).toBeUndefined();
    expect(await one.append(stream, 5, deltasOf(command, 2), { command })).toMatchObject({ outcome: 'appended' });
    expect(await other.findCommand(command)).toEqual({ stream, revision: 6 });
    const late = other.append(stream, 7, deltasOf(command, 1), { command });
    expect(await late).toEqual({ outcome: 'command-known', stream, revision: 6 });
  });

  describe('that is refused', () => {
    const ids = { random: randomUUID, event: randomUUID, secret: randomUUID };
    /** A keyed command on a tenant whose stream another process may change before the append. */
    const issue = (log: EventLog, stream: string, decide: Decide<Tenant, TenantEvent>) => {
      const parts = { log, codec, clock: systemClock, ids };
      const folds = new Folds(log, codec, tenant);
      const meta = { ...someMetadata, commandId: command };
      return transact(parts, { stream, tenant: 'default', meta, isKeyed: true, folds, decide });
    };
    const acts: Decide<Tenant, TenantEvent> = () => [{ type: 'TenantCreated', data: { name: 'acme' } }];
    const refused: Decide<Tenant, TenantEvent> = () => {
      throw new Refusal('conversation_busy');
    };
    /** Refused, if another process was faster. */
    const refusedWhenLate: Decide<Tenant, TenantEvent> = (state) => (state.exists ? refused(state) : acts(state));
    const overtaken = (log: EventLog) =>
      Object.assign(Object.create(log), {
        append: async (...args: Parameters<EventLog['append']>) => {
          const [to] = args;
          if (to === stream && (await wholeStream(log, to)).length === 0) {
            await transact(
              { log, codec, clock: systemClock, ids },
              {
                ...{ stream: to, tenant: 'default', meta: { ...someMetadata, commandId: randomUUID() } },
                ...{ folds: new Folds(log, codec, tenant), decide: acts },
              },
            );
          }
          return log.append(...args);
        },
      }) as MemoryEventLog;

    it('before its append binds nothing: the key can act in another stream', async () => {
      await expect(issue(one, stream, refused)).rejects.toBeInstanceOf(Refusal);
      expect(await places.find(command)).toBeUndefined();
      expect((await issue(other, elsewhere, acts)).events).toHaveLength(1);
    });

    it('after another writer was faster keeps its place: the key can act in this stream alone', async () => {
      const late = new CommandClaims(overtaken(log), places);
      await expect(issue(late, stream, refusedWhenLate)).rejects.toBeInstanceOf(Refusal);
      expect(await one.findCommand(command)).toBeUndefined();
      await expect(issue(other, elsewhere, acts)).rejects.toBeInstanceOf(CommandKnown);
      expect(await wholeStream(log, elsewhere)).toEqual([]);
      expect((await issue(other, stream, acts)).events).toHaveLength(1);
    });

    it('after another writer was faster binds nothing where the log itself records commands', async () => {
      await expect(issue(overtaken(log), stream, refusedWhenLate)).rejects.toBeInstanceOf(Refusal);
      expect((await issue(log, elsewhere, acts)).events).toHaveLength(1);
    });
  });

  it('is distinguished from the same command of another process at the same revision', async () => {
    const events = deltasOf(command, 2);
    await one.append(stream, 'none', events, { command });
    expect(await other.append(stream, 'none', deltasOf(command, 2), { command })).toEqual({
      ...{ outcome: 'command-known', stream, revision: 0 },
    });
    expect(await other.append(stream, 'none', events, { command })).toMatchObject({ outcome: 'already-there' });
  });

  it('is found behind an event whose metadata is damaged', async () => {
    await places.claim(command, { stream, revision: 0 });
    await log.append(stream, 'none', [{ ...newDelta(), meta: '7' }, ...deltasOf(command, 1)]);
    expect(await one.findCommand(command)).toEqual({ stream, revision: 1 });
  });

  it('is not appended while its place cannot be claimed', async () => {
    const away = Object.assign(Object.create(places), {
      claim: async () => {
        throw new RetryableError('the database did not answer');
      },
    });
    const claims = new CommandClaims(log, away);
    const outcome = await claims.append(stream, 'none', deltasOf(command, 1), { command });
    expect(outcome).toEqual({ outcome: 'unavailable', maybeWritten: false });
    expect(await wholeStream(log, stream)).toEqual([]);
    expect(await claims.append(stream, 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
  });

  it('is not appended while its stream cannot be read', async () => {
    await places.claim(command, { stream, revision: 0 });
    const unreadable = Object.assign(Object.create(log), {
      // biome-ignore lint/correctness/useYield: it fails before its first page
      async *readStream() {
        throw new LogUnavailable('the event log cannot be read now');
      },
    });
    const outcome = await new CommandClaims(unreadable, places).append(stream, 'none', deltasOf(command, 1), {
      command,
    });
    expect(outcome).toEqual({ outcome: 'unavailable', maybeWritten: false });
    expect(await wholeStream(log, stream)).toEqual([]);
  });
});
