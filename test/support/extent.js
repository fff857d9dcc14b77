// How much the tests of a run try. Only this file reads the setting from the environment. It is JavaScript because Jest's
// configuration imports it too.

const EXTENTS = ['usual', 'thorough'];

const extent = process.env.TEST_EXTENT || 'usual';
if (!EXTENTS.includes(extent))
  throw new Error(`TEST_EXTENT: there is no extent ${extent}, only ${EXTENTS.join(' and ')}`);

export const isThorough = extent === 'thorough';

/**
 * A number, or a list of cases, of a test. `npm test` proves the claim with the first one. `npm run test:thorough`, which
 * .ci/run runs, proves it with the second one.
 *
 * @template T
 * @param {T} usual
 * @param {T} thorough
 * @returns {T}
 */
export const usually = (usual, thorough) => (isThorough ? thorough : usual);

/**
 * Test files that only `npm run test:thorough` runs (and `npm run test:eventstoredb`, on the other log), and where `npm test`
 * proves the same claim.
 */
export const ONLY_THOROUGH = {
  'faults/killed-before-the-answer.test.ts':
    'second and third deaths; faults/killed-everywhere.test.ts dies of each kind once, on each log',
  'faults/killed-in-the-answer.test.ts': 'likewise',
  'faults/killed-in-a-step.test.ts': 'likewise',
  'e2e/backup.test.ts':
    'the whole product, restored twice; integration/base-backup.test.ts restores the copy of a cluster that was written to',
  'e2e/dev.test.ts': 'bundles three times; integration/bundle.test.ts bundles what has changed',
  'e2e/log-copy.test.ts': 'the whole product on three logs; unit/app/log-copy.test.ts copies between logs in memory',
  'e2e/log-went-back.test.ts':
    'the whole product, which stops and starts again; faults/log-went-back.test.ts restores a log under live processes',
  'faults/kafka-broker.test.ts':
    'a broker, which needs Java and Maven; integration/kafka-relay.test.ts has one that speaks the protocol of Kafka',
  'faults/many-feeds.test.ts':
    'memory and times of thousands of feeds; integration/conversation-feed.test.ts closes a client that does not read',
  'faults/rolling-restart.test.ts':
    'a fleet under load; e2e/drain.test.ts stops a process in order, faults/two-processes.test.ts has its successor',
  'integration/soak-of-steps.test.ts':
    'the heap after 100,000 steps; unit/architecture.test.ts refuses AbortSignal.any, which kept what it grew by',
};

/** Test files that try more in `npm run test:thorough` than in `npm test`. */
export const MORE_WHEN_THOROUGH = [
  'contracts/postgres-event-log.test.ts',
  'e2e/turn-cost.test.ts',
  'faults/hostile-load.test.ts',
  'faults/killed-in-a-large-end.test.ts',
  'faults/killed-with-its-database.test.ts',
  'faults/postgres-outages.test.ts',
  'integration/embedded-postgres-crashes.test.ts',
  'integration/key-flood.test.ts',
  'integration/long-texts.test.ts',
  'integration/projection-rebuild.test.ts',
  'simulation/planted-mistakes.test.ts',
  'unit/tokenizer.test.ts',
  'unit/tokenizer-pieces.test.ts',
];
