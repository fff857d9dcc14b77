/** Tests with tools of others, which the product's own tests do not need: `npm run test:external`. */
export default {
  rootDir: import.meta.dirname,
  testMatch: ['<rootDir>/**/*.test.js'],
  transform: {},
  maxWorkers: 1,
};
