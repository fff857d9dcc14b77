/** What `@jest/globals` offers to the test file that runs at this moment in this process. */
export const current = {};
