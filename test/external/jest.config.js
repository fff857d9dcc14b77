/** Tests with tools of others, which the product's own tests do not need: `npm run test:external`. */
export default {
  rootDir: import.meta.dirname,
  testMatch: ['<rootDir>/**/*.test.js'],
  transform: {},
  runtime: '<rootDir>/../support/jest/runtime.js',
  testEnvironment: '<rootDir>/../support/jest/environment.js',
  maxWorkers: 1,
};
