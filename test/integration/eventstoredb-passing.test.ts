import { describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { reachEventStoreDb } from '../../src/adapters/eventstoredb/reach-eventstoredb.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { RetryableError } from '../../src/ports/errors.js';
import { startStandIn } from '../support/eventstore/stand-in.js';
import { newDeltas, newStream } from '../support/new-events.js';

describe('an EventStoreDB log that no subscription reads', () => {
  it('remembers the end of what it appended, and of what was there already', async () => {
    const standIn = await startStandIn();
    const [log, later] = [standIn.url, standIn.url].map((url) => new EventStoreDbEventLog(serverAddress(url)));
    const [stream, events] = [newStream(), newDeltas(2)];
    const appended = await log?.append(stream, 'none', events);
    expect(appended).toEqual({ outcome: 'appended', revision: 1, position: log?.continuity.newest });
    const repeated = await later?.append(stream, 'none', events);
    expect(repeated).toEqual({ outcome: 'appended', revision: 1, position: later?.continuity.newest });
    await Promise.all([log?.close(), later?.close()]);
    await standIn.stop();
  });
});

describe('opening a log on EventStoreDB', () => {
  it('may be tried again when the server is away, and not when it refuses the user', async () => {
    const standIn = await startStandIn();
    standIn.faults.refusesEveryone = true;
    await expect(reachEventStoreDb(standIn.url)).rejects.not.toBeInstanceOf(RetryableError);
    await standIn.goAway();
    await expect(reachEventStoreDb(standIn.url)).rejects.toBeInstanceOf(RetryableError);
    await standIn.stop();
  });
});
