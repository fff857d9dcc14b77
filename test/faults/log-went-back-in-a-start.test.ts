import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { PrometheusMetrics } from '../../src/adapters/prometheus/prometheus-metrics.js';
import { type Engines, openEngines } from '../../src/app/engines.js';
import { serve } from '../../src/app/serve.js';
import { incarnationsOf } from '../../src/commands/incarnations.js';
import { type Config, loadConfig } from '../../src/config.js';
import { type FailoverAddress, startFailoverAddress } from '../support/failover-address.js';
import { newDelta, newStream } from '../support/new-events.js';
import { type OwnPostgres, startOwnPostgres } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

describe('a start whose log in PostgreSQL fails over to a copy that is behind', () => {
  let primary: OwnPostgres;
  let copy: OwnPostgres;
  let address: FailoverAddress;
  beforeEach(async () => {
    primary = await startOwnPostgres();
    address = await startFailoverAddress(primary.connection);
  });
  afterEach(async () => {
    await address.stop();
    await copy.stop();
    await primary.stop();
  });

  /** Engines that have read an event which the copy lacks, and the moment of their start at which the copy answers. */
  async function startedOn(config: Config, during: 'reading the read models' | 'building the application') {
    const opened = await openEngines(config, () => {});
    copy = await primary.startFromBackup();
    await opened.log.append(newStream(), 'none', [newDelta()]);
    const failOver = () => address.leadTo(copy.connection);
    let closed = 0;
    const engines: Engines = {
      ...opened,
      builds: Object.create(opened.builds, {
        prepare: {
          value: async (...shapes: Parameters<Engines['builds']['prepare']>) => {
            if (during === 'reading the read models') failOver();
            return opened.builds.prepare(...shapes);
          },
        },
      }),
      log: Object.create(opened.log, {
        head: {
          value: async () => {
            if (during === 'building the application') failOver();
            return opened.log.head();
          },
        },
      }),
      close: async () => {
        closed += 1;
        await opened.close();
      },
    };
    return { engines, timesClosed: () => closed };
  }

  it.each(['reading the read models', 'building the application'] as const)(
    'records a new incarnation before it ends, when the failover comes while it is %s',
    async (during) => {
      await withTemporaryDirectory(async (dataDir) => {
        const config = loadConfig({
          ...{ DATABASE_URL: address.url, PORT: '0', LOG_LEVEL: 'fatal' },
          ...{ VERBATIM_DATA_DIR: dataDir, VERBATIM_ADMIN_KEY: `vb_admin_${'5'.repeat(40)}` },
        });
        const { engines, timesClosed } = await startedOn(config, during);
        const starting = serve(engines, config, '0.0.0', { metrics: new PrometheusMetrics() });
        await expect(starting).rejects.toThrow(/went back: .*\n.*is now in incarnation [0-9a-f-]{36}\./);
        expect(timesClosed()).toBe(1);

        const restored = new PostgresEventLog(copy.connection);
        const incarnations = await incarnationsOf(restored);
        await restored.close();
        expect(incarnations).toEqual([...engines.incarnations, expect.any(String)]);
        await expect(starting).rejects.toThrow(`incarnation ${incarnations.at(-1)}.`);
      });
    },
  );
});
