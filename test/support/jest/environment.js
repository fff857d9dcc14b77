import { LegacyFakeTimers, ModernFakeTimers } from '@jest/fake-timers';
import { ModuleMocker } from 'jest-mock';
import { runningProcesses } from './running-processes.js';

/** Jest and its circus keep these on the global object. Each test file has its own. */
const KEPT_BY_JEST = ['EVENT_HANDLERS', 'RETRY_TIMES', 'RETRY_TIMES_SETTER', 'TEST_TIMEOUT_SYMBOL'].map(Symbol.for);

/** The process itself, without a context of Node's vm. What a test file changes in it is undone after the file. */
export default class ProcessEnvironment {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  #before = { env: { ...process.env }, exit: process.exit, console: globalThis.console };

  constructor({ projectConfig }) {
    const timerConfig = { idToRef: (id) => id, refToId: (timer) => timer };
    const shared = { config: projectConfig, global: globalThis };
    this.fakeTimers = new LegacyFakeTimers({ ...shared, moduleMocker: this.moduleMocker, timerConfig });
    this.fakeTimersModern = new ModernFakeTimers(shared);
    Object.assign(process.env, projectConfig.testEnvironmentOptions.environment);
  }

  async setup() {}

  async teardown() {
    for (const child of runningProcesses) child.kill('SIGKILL');
    this.fakeTimers.dispose();
    this.fakeTimersModern.dispose();
    for (const name of Object.keys(process.env)) if (!(name in this.#before.env)) delete process.env[name];
    Object.assign(process.env, this.#before.env);
    process.exit = this.#before.exit;
    globalThis.console = this.#before.console;
    for (const symbol of KEPT_BY_JEST) delete globalThis[symbol];
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  getVmContext() {
    return null;
  }
}
