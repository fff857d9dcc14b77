import { logInUse, ON_BOTH_IN_EVERY_RUN, POSTGRES_ONLY } from './test/support/log-switch.js';

const tier = (name, extra = {}) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // Requires ES modules, which Jest cannot on Node 20. The files of /docs are tested on the running product.
    '^@fastify/static$': '<rootDir>/test/support/no-static-files.ts',
  },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
        module: { type: 'es6' },
      },
    ],
  },
  ...extra,
});

const servers = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

const testFile = (name) => `<rootDir>/test/${name}`;

/** The tiers in which the product runs, on the log that the switch names. */
const running = {
  ...servers,
  testPathIgnorePatterns:
    logInUse === 'postgres' ? [] : Object.keys(POSTGRES_ONLY).map((name) => `/test/${name.replaceAll('.', '\\.')}$`),
};

/** The few files of every run that run on EventStoreDB too. Under the switch they are among the others. */
const alsoOnEventStoreDb = tier('eventstoredb', {
  ...servers,
  testMatch: ON_BOTH_IN_EVERY_RUN.map(testFile),
  setupFiles: [testFile('support/on-eventstoredb.js')],
});

export default {
  projects: [
    tier('unit'),
    tier('simulation'),
    tier('contracts', servers),
    tier('integration', servers),
    tier('e2e', running),
    tier('faults', running),
    ...(logInUse === 'postgres' ? [alsoOnEventStoreDb] : []),
  ],
  testSequencer: './test/support/sequencer.js',
  testTimeout: 60_000,
  maxWorkers: 2,
};
