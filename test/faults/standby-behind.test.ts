import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { wentBack } from '../../src/app/log-went-back.js';
import { incarnationsOf } from '../../src/commands/incarnations.js';
import { type FailoverAddress, startFailoverAddress } from '../support/failover-address.js';
import { newDelta, newStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

describe('a process whose address leads to a standby that is behind', () => {
  let primary: OwnPostgres;
  let standby: OwnPostgres;
  let address: FailoverAddress;
  let log: PostgresEventLog;
  let incarnations: readonly string[];
  beforeEach(async () => {
    primary = await startOwnPostgres();
    address = await startFailoverAddress(primary.connection);
    log = new PostgresEventLog(address.connection);
    incarnations = await incarnationsOf(log);
    standby = await primary.startFromBackup({ asStandby: true });
    await log.append(newStream(), 'none', [newDelta()]);
    address.leadTo(standby.connection);
    await until(async () => (await headOrReason(log)).includes('the server is a standby'));
  });
  afterEach(async () => {
    await log.close();
    await address.stop();
    await standby.stop();
    await primary.stop();
  });

  it('does not report a loss, and appends again once its address leads to the primary', async () => {
    expect((await log.append(newStream(), 'none', [newDelta()])).outcome).toBe('unavailable');
    expect(log.continuity.isBroken).toBe(false);
    address.leadTo(primary.connection);
    await until(async () => (await log.append(newStream(), 'none', [newDelta()])).outcome === 'appended');
    expect(log.continuity.isBroken).toBe(false);
    expect(await incarnationsOf(log)).toEqual(incarnations);
  });

  it('records a new incarnation once the standby is promoted without the events that it lacks', async () => {
    const openLogAnew = async () => new PostgresEventLog(address.connection);
    const ended = wentBack({ log, incarnations, openLogAnew });
    expect(log.continuity.isBroken).toBe(false);
    await withClient(standby.connection, (client) => client.query('SELECT pg_promote()'));
    await until(async () => (await headOrReason(log)).includes('went back'));
    const text = await ended;
    const promoted = new PostgresEventLog(standby.connection);
    const now = await incarnationsOf(promoted);
    await promoted.close();
    expect(now).toEqual([...incarnations, expect.any(String)]);
    expect(text).toContain(`is now in incarnation ${now.at(-1)}`);
  });
});

const headOrReason = (log: PostgresEventLog): Promise<string> => log.head().catch(reasonWithCauses);

const reasonWithCauses = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${reasonWithCauses(error.cause)}` : error.message;
