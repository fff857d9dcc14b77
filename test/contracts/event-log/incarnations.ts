import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { beginIncarnation, incarnationsOf } from '../../../src/commands/incarnations.js';
import { INCARNATIONS } from '../../../src/events/catalogue.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { codec, wholeStream } from '../../support/new-events.js';
import type { LogStore } from '../event-log.contract.js';

const ACTOR = { id: 'verbatim', kind: 'service' };

export function incarnationContract(createStore: () => Promise<LogStore>): void {
  let store: LogStore;
  let log: EventLog;
  let other: EventLog;
  beforeEach(async () => {
    store = await createStore();
    [log, other] = [await store.open(), await store.open()];
  });
  afterEach(async () => {
    await Promise.all([log.close(), other.close()]);
    await store.destroy();
  });
  const begin = (at: EventLog, known: readonly string[]) =>
    beginIncarnation({ log: at, codec, clock: systemClock, ids: systemIds }, known, ACTOR);

  it('the first is named as the log, each later one by the event that began it', async () => {
    const identity = await log.identity();
    expect(await incarnationsOf(log)).toEqual([identity]);
    const second = await begin(log, [identity]);
    const third = await begin(other, [identity, second]);
    expect(await incarnationsOf(log)).toEqual([identity, second, third]);
    const events = await wholeStream(log, INCARNATIONS);
    expect(events.map(({ data }) => JSON.parse(data))).toEqual([
      { origin: `${identity}.${second}` },
      { origin: `${identity}.${third}` },
    ]);
  });

  it('of several processes that find the same loss at once, one begins the next', async () => {
    const known = await incarnationsOf(log);
    const begun = await Promise.all([log, other, log, other].map((at) => begin(at, known)));
    expect(new Set(begun).size).toBe(1);
    expect(await incarnationsOf(other)).toEqual([...known, begun[0]]);
  });
}
