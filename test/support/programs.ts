import { join } from 'node:path';

/** A program of these tests, bundled with the sources as they are now. The suite's project must declare the global setup. */
export function programOf(
  name: 'append-load' | 'embedded-postgres-owner' | 'failpoint-server' | 'main' | 'migrating' | 'stand-in-process',
): string {
  const { VERBATIM_TEST_PROGRAMS: programs } = process.env;
  if (!programs) throw new Error('No programs: does the Jest project declare test/support/global-setup.ts?');
  return join(programs, `${name}.cjs`);
}

/** The command that runs one of the two that load the whole product, with the compiled code of its first start. */
export function runOf(name: 'failpoint-server' | 'main'): [string, ...string[]] {
  return [process.execPath, join(import.meta.dirname, 'run-program.mjs'), programOf(name)];
}
