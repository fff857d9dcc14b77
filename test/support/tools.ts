import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** What a program prints. Fails with all that it said when it ends otherwise than with 0. */
export async function output(program: string, args: readonly string[], directory?: string): Promise<string> {
  try {
    const { stdout } = await run(program, args, { cwd: directory, maxBuffer: OUTPUT_BYTES_MAX });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

/** Tests with a program of others, which `.ci/run` installs. Where it is missing they are skipped, and say so. */
export function describeWith(program: string, tests: () => void): void {
  const { error } = spawnSync(program, ['--help'], { stdio: 'ignore' });
  if (error) process.stderr.write(`tests with ${program} are skipped: ${error.message}\n`);
  (error ? describe.skip : describe)(`with ${program}`, tests);
}
