/**
 * Processes that tests have started and that have not ended. Those that a test file leaves, the environment kills after the
 * last hook of the file. A hook of their own module would run first, and for the first file of a process only.
 *
 * @type {Set<import('node:child_process').ChildProcess>}
 */
export const runningProcesses = new Set();
