import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ownerCommand, recall, remember, withPostgres } from '../support/embedded-postgres.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

describe('embedded PostgreSQL', () => {
  it('survives a kill at any moment of its first start', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      for (const afterMs of [300, 400, 500, 600, 700, 800]) {
        const program = spawn(process.execPath, ownerCommand(dataDir, 'until killed'), {
          stdio: ['pipe', 'ignore', 'ignore'],
          env: { ...process.env, TMPDIR: directory },
          timeout: afterMs,
          killSignal: 'SIGKILL',
        });
        await once(program, 'exit');
      }
      await withPostgres(dataDir, async ({ connection }) => {
        await remember(connection, 'works');
        expect(await recall(connection)).toEqual(['works']);
      });
    });
  });
});
