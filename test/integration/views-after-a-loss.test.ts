import { expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { openEngines } from '../../src/app/engines.js';
import { beginIncarnation, incarnationsOf } from '../../src/commands/incarnations.js';
import { OPERATOR, WORKER } from '../../src/commands/origin.js';
import { loadConfig } from '../../src/config.js';
import { codec } from '../support/new-events.js';
import { startTestPostgres } from '../support/postgres-cluster.js';

it.each([
  ['drops a key and a fold that a process wrote before it noticed', WORKER, 'dropped'],
  ['keeps keys and folds when an operator restored log and views together', OPERATOR, 'kept'],
] as const)('a start after the log lost events %s', async (_, actor, end) => {
  const postgres = await startTestPostgres();
  const { host, port, user, database } = postgres.connection;
  const url = `postgres:///${database}?${new URLSearchParams({ host, port: String(port), user })}`;
  const notices: string[] = [];
  const open = () => openEngines(loadConfig({ DATABASE_URL: url }), (text) => void notices.push(text));
  try {
    const before = await open();
    // As the subscription of a running process does with an event of the lost tail, after the database was put back.
    await before.keys.record({
      ...{ type: 'ApiKeyIssued', tenant: 'default', revision: 7, at: '2026-01-02T03:04:05.678Z' },
      data: { keyId: 'lost', user: 'eve', role: 'member', name: 'lost', secretSha256: 'x' },
    });
    const fold = {
      stream: 'conversation-lost',
      version: 1,
      revision: 7,
      event: systemIds.event(),
      bytes: Buffer.of(1),
    };
    await before.keptFolds.keep(fold);
    const parts = { log: before.log, codec, clock: systemClock, ids: systemIds };
    await beginIncarnation(parts, await incarnationsOf(before.log), actor);
    await before.close();
    const after = await open();
    expect((await after.keys.find('lost')) === undefined ? 'dropped' : 'kept').toBe(end);
    expect((await after.keptFolds.find(fold.stream, 1)) === undefined ? 'dropped' : 'kept').toBe(end);
    await after.close();
    expect(notices.join('\n')).toContain(end === 'kept' ? 'are kept' : 'they are dropped');
  } finally {
    await postgres.stop();
  }
});
