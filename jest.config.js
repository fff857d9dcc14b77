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

export default {
  projects: [
    tier('unit'),
    tier('contracts', servers),
    tier('integration', servers),
    tier('e2e', servers),
    tier('faults', servers),
  ],
  testSequencer: './test/support/sequencer.js',
  testTimeout: 60_000,
  maxWorkers: 2,
};
