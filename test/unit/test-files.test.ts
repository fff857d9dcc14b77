import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

const jestFiles = join(import.meta.dirname, '..', 'support', 'jest');

/** Three test files, a module that they import, and the order of their names as that of the run. */
const sources = {
  'by-name.mjs': `
    export default class ByName {
      sort = (tests) => tests.sort((one, other) => (one.path < other.path ? -1 : 1));
      cacheResults() {}
    }`,
  'shared.ts': `
    export const clock = { now: (): number => 1 };
    import type { ChildProcess } from 'node:child_process';
    export const loaded = { times: 0, log: process.env.TEST_LOG };
    export const left: ChildProcess[] = [];
    loaded.times++;`,
  'tests/a.test.ts': `
    import { expect, it, jest } from '@jest/globals';
    import { spawn } from 'node:child_process';
    import { runningProcesses } from '${pathToFileURL(join(jestFiles, 'running-processes.js'))}';
    import { clock, left, loaded } from '../shared.js';
    it('leaves a process running', () => {
      left.push(spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1_000)']));
      runningProcesses.add(left[0]);
    });
    it('changes what it can', () => {
      jest.spyOn(clock, 'now').mockReturnValue(2);
      jest.useFakeTimers();
      process.env.LEFT_BEHIND = 'yes';
      delete process.env.PATH;
      loaded.log = 'changed';
      expect(clock.now()).toBe(2);
    });
    it('fails', () => {
      enum Ten { is = 10 }
      expect(Ten.is as number).toBe(11);
    });`,
  'tests/b.test.ts': `
    import { expect, it } from '@jest/globals';
    import { once } from 'node:events';
    import { clock, left, loaded } from '../shared.js';
    it('finds that the process that another file left was killed', async () => {
      const { signalCode } = left[0];
      const [, signal] = signalCode ? [null, signalCode] : await once(left[0], 'exit');
      expect(signal).toBe('SIGKILL');
    });
    it('finds the process as it was', async () => {
      expect(clock.now()).toBe(1);
      expect(process.env.LEFT_BEHIND).toBeUndefined();
      expect(process.env.PATH).not.toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, 1));
    });
    it('finds the modules of the file before', () => {
      expect(loaded).toEqual({ times: 1, log: 'changed' });
    });`,
  'with-environment/c.test.ts': `
    import { expect, it } from '@jest/globals';
    import { loaded } from '../shared.js';
    it('has its own modules in another environment', () => {
      expect(loaded).toEqual({ times: 1, log: 'another' });
      expect(process.env.TEST_LOG).toBe('another');
    });`,
};

interface Outcome {
  readonly title: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

/** As jest.config.js has them. */
const project = (rootDir: string, folder: string, environment = {}) => ({
  rootDir,
  displayName: folder,
  testMatch: [`<rootDir>/${folder}/*.test.ts`],
  transform: {},
  runtime: join(jestFiles, 'runtime.js'),
  testEnvironment: join(jestFiles, 'environment.js'),
  testEnvironmentOptions: { environment },
});

async function outcomesIn(rootDir: string): Promise<Outcome[]> {
  for (const folder of ['tests', 'with-environment']) await mkdir(join(rootDir, folder));
  for (const [name, source] of Object.entries(sources)) await writeFile(join(rootDir, name), source.trim());
  const testSequencer = join(rootDir, 'by-name.mjs');
  const projects = [project(rootDir, 'tests'), project(rootDir, 'with-environment', { TEST_LOG: 'another' })];
  const words = ['--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', '--runInBand', '--json'];
  const config = JSON.stringify({ rootDir, testSequencer, projects });
  // It ends with 1, because a test fails.
  const { stdout } = await promisify(execFile)(process.execPath, [...words, '--config', config], {
    timeout: 50_000,
  }).catch((error) => error);
  const { testResults } = JSON.parse(stdout);
  return testResults.flatMap((file: { assertionResults: Outcome[] }) => file.assertionResults);
}

describe('the test files that one process runs', () => {
  let outcomes: Outcome[];
  const outcomeOf = (title: string) => outcomes.find((each) => each.title === title);
  beforeAll(async () => {
    await withTemporaryDirectory(async (directory) => {
      outcomes = await outcomesIn(directory);
    });
  });

  it.each([
    'finds the process as it was',
    'finds that the process that another file left was killed',
    'finds the modules of the file before',
    'has its own modules in another environment',
  ])('include one that %s', (title) => {
    expect(outcomeOf(title)).toMatchObject({ status: 'passed', failureMessages: [] });
  });

  it('name the line of the source at which a test failed', () => {
    expect(outcomeOf('fails')?.failureMessages[0]).toContain('tests/a.test.ts:19:');
  });
});
