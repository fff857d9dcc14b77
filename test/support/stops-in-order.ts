import { expect } from '@jest/globals';
import { withMigratedDataDirectory } from './postgres-cluster.js';
import { processesNaming, run } from './product.js';
import { until } from './until.js';

/** Repeats a signal until the product has ended, and expects that it has ended in order and left nothing running. */
export async function stopsInOrder(signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
  await withMigratedDataDirectory(async (dataDir) => {
    const { child, output, ended } = run({ VERBATIM_DATA_DIR: dataDir });
    try {
      await until(() => output.out.includes('  data '), 60_000);
      await until(() => !child.kill(signal));
      expect({ code: await ended, signal: child.signalCode, said: output.err }).toEqual({
        code: 0,
        signal: null,
        said: '',
      });
      expect(processesNaming(dataDir)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
  });
}
