import { isThorough, MORE_WHEN_THOROUGH, ONLY_THOROUGH } from './test/support/extent.js';
import { logCommand, logInUse, ON_BOTH_IN_EVERY_RUN, POSTGRES_ONLY } from './test/support/log-switch.js';

const tier = (name, extra = {}) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: {},
  runtime: '<rootDir>/test/support/jest/runtime.js',
  testEnvironment: '<rootDir>/test/support/jest/environment.js',
  ...extra,
});

const servers = {
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
};

const testFile = (name) => `<rootDir>/test/${name}`;

const leftOut = (names) => ({
  testPathIgnorePatterns: names.map((name) => `/test/${name.replaceAll('.', '\\.')}$`),
});

/** What a run in one of the tiers in which the product runs leaves out, on the log that the switch names. */
const elsewhere = [
  ...Object.keys(logInUse === 'postgres' ? ONLY_THOROUGH : POSTGRES_ONLY),
  // `npm test` has run them on the stand-in. A server of EventStoreDB has not.
  ...(logInUse === 'eventstoredb' && logCommand === undefined ? ON_BOTH_IN_EVERY_RUN : []),
];
const running = { ...servers, ...leftOut(elsewhere) };

/** The few files of every run that run on EventStoreDB too. */
const alsoOnEventStoreDb = tier('eventstoredb', {
  ...servers,
  testMatch: ON_BOTH_IN_EVERY_RUN.map(testFile),
  testEnvironmentOptions: { environment: { TEST_LOG: 'eventstoredb' } },
});

const usual = [
  tier('unit'),
  tier('simulation'),
  tier('contracts', servers),
  tier('integration', running),
  tier('e2e', running),
  tier('faults', running),
  ...(logInUse === 'postgres' ? [alsoOnEventStoreDb] : []),
];

/** What tries more than in `npm test`, and nothing else. */
const thorough = tier('thorough', {
  ...servers,
  testMatch: [...Object.keys(ONLY_THOROUGH), ...MORE_WHEN_THOROUGH].map(testFile),
});

export default {
  projects: isThorough ? [thorough] : usual,
  testSequencer: './test/support/sequencer.js',
  testTimeout: 60_000,
  // One more than the cores of a small machine: some tests wait for clocks.
  maxWorkers: 3,
};
