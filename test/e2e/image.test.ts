import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { textOf } from '../support/deployment-files.js';
import { startHttpApp } from '../support/http-app.js';
import { ADMIN_KEY, environmentOf } from '../support/live-product.js';
import { startPlayedProvider } from '../support/played-provider.js';
import { databaseUrl, startTestPostgres } from '../support/postgres-cluster.js';
import { launch, type Product, started } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { startStandInProcess } from '../support/test-log.js';
import { until } from '../support/until.js';

const dockerfile = textOf('infra/Dockerfile');
const copies = [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+) (\S+)$/gm)];
const command: string[] = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? '[]');

/** Runs the command of the image on the files of the image. Node and the system around it are those of the tests. */
async function withImage(work: (product: Product) => Promise<void>): Promise<void> {
  const postgres = await startTestPostgres();
  const log = await startStandInProcess();
  const provider = await startPlayedProvider();
  try {
    await withTemporaryDirectory(async (directory) => {
      for (const [, from = '', to = ''] of copies) {
        const target = join(directory, to.endsWith('/') ? join(to, from) : to);
        await mkdir(dirname(target), { recursive: true });
        await cp(join(process.cwd(), from), target, { recursive: true });
      }
      const environment = {
        ...environmentOf(provider, join(directory, 'data')),
        DATABASE_URL: databaseUrl(postgres.connection),
        EVENT_LOG_URL: log.url,
        LOG_LEVEL: 'fatal',
        // Takes no connection: the relay has to be loaded, and reports that it cannot send.
        KAFKA_BROKERS: '127.0.0.1:1',
      };
      const [program = '', ...words] = command;
      const product = await started(launch([program, ...words], environment, { cwd: directory }));
      try {
        await work(product);
      } finally {
        expect(await product.stop()).toBe(0);
      }
    });
  } finally {
    await provider.stop();
    await log.stop();
    await postgres.stop();
  }
}

describe('the files that infra/Dockerfile copies into the image', () => {
  it('serve turns with EventStoreDB, Kafka and a provider, the API of the sources, and its documentation', async () => {
    expect(copies.length).toBeGreaterThan(1);
    const sources = await startHttpApp();
    const { info: _, ...ofSources } = (await sources.call('GET', '/openapi.json', { key: null })).json as Document;
    await sources.close();
    await withImage(async ({ address }) => {
      const admin = new ApiClient(address, ADMIN_KEY);
      const { id } = await admin.ask('POST', '/conversations', {});
      await admin.ask('POST', `/conversations/${id}/messages`, { content: 'Are you whole?' });
      await until(async () => (await admin.ask('GET', `/conversations/${id}`)).status === 'idle');
      const { tree } = await admin.ask('GET', `/conversations/${id}`);
      expect(tree.at(-1)).toMatchObject({ role: 'assistant', status: 'final', text: 'answer to 1' });

      const page = async (path: string) => fetch(`${address}${path}`);
      const { info, ...served } = (await (await page('/openapi.json')).json()) as Document;
      // Nest makes it from the types that the compiler has left in decorators, and from the names of classes.
      expect(served).toEqual(ofSources);
      expect(info).toMatchObject({ title: 'Verbatim', version: JSON.parse(textOf('package.json')).version });
      expect((await (await page('/docs/swagger-ui-bundle.js')).text()).length).toBeGreaterThan(100_000);
    });
  });
});

type Document = Record<string, unknown>;
