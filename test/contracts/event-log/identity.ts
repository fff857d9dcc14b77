import { expect, it } from '@jest/globals';
import { START } from '../../../src/events/envelope.js';
import { newDelta, newStream } from '../../support/new-events.js';
import type { OpenLog } from '../event-log.contract.js';

export function identityContract(open: OpenLog): void {
  it('is the same for all processes that open the log, also for several first ones at once', async () => {
    const logs = await Promise.all([open(), open(), open()]);
    const identities = await Promise.all(logs.map((log) => log.identity()));
    expect(identities[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(identities).size).toBe(1);
  });

  it('exists after the first call of identity(), and knownIdentity() does not create it', async () => {
    const log = await open();
    const known = await log.knownIdentity();
    const identity = await log.identity();
    expect([undefined, identity]).toContain(known);
    expect(await log.knownIdentity()).toBe(identity);
  });

  it('is in no event', async () => {
    const log = await open();
    const identity = await log.identity();
    await log.append(newStream(), 'none', [newDelta()]);
    for await (const { events } of log.readAll(START)) {
      expect(events.filter(({ data }) => data.includes(identity))).toEqual([]);
    }
  });
}
