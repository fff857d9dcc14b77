import { ApiClient } from './api-client.js';
import { ADMIN_KEY, environmentOf } from './live-product.js';
import { type PlayedProvider, startPlayedProvider } from './played-provider.js';
import { withMigratedDataDirectory } from './postgres-cluster.js';
import { type Product, startProduct } from './product.js';
import { startTestLog } from './test-log.js';

export interface Restarts {
  /** Starts the product on the same data, also after it was killed. */
  start(settings?: Record<string, string>): Promise<{ product: Product; client: ApiClient }>;
  readonly provider: PlayedProvider;
  readonly dataDir: string;
}

/** Runs `work` with a product that can be started again on its data, and stops what it has started. */
export async function withRestarts(work: (restarts: Restarts) => Promise<void>): Promise<void> {
  const provider = await startPlayedProvider();
  const log = await startTestLog();
  const started: { product: Product; client: ApiClient }[] = [];
  try {
    await withMigratedDataDirectory(async (dataDir) => {
      const start: Restarts['start'] = async (settings = {}) => {
        const environment = { ...environmentOf(provider, dataDir), ...log.environment };
        const product = await startProduct({ ...environment, VERBATIM_DELTA_FLUSH_MS: '0', ...settings });
        const one = { product, client: new ApiClient(product.address, ADMIN_KEY) };
        started.push(one);
        return one;
      };
      try {
        await work({ start, provider, dataDir });
      } finally {
        for (const { client, product } of started) {
          client.leave();
          await product.stop('SIGKILL');
        }
      }
    });
  } finally {
    await log.stop();
    await provider.stop();
  }
}
