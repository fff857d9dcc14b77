import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { crashThrough, hold } from '../support/crash-through.js';
import { withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { TurnGround } from '../support/turn-ground.js';

describe('a process killed in the middle of a turn', () => {
  let ground: TurnGround;
  beforeAll(async () => {
    ground = await TurnGround.prepare();
  });
  afterAll(() => ground.clear());

  it.each(['after-append', 'mid-stream'] as const)(
    'keeps every promise with its own database, at %s',
    async (failpoint) => {
      await withMigratedDataDirectory(async (dataDir) => {
        const survived = await crashThrough(ground, [{ failpoint, hit: 2 }], { VERBATIM_DATA_DIR: dataDir });
        const postgres = await startEmbeddedPostgres({ dataDir, onNotice: () => {} });
        const log = new PostgresEventLog(postgres.connection);
        try {
          await hold(log, survived);
        } finally {
          await log.close();
          await postgres.stop();
        }
      });
    },
  );
});
