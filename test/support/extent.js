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
 * Cases of a file that tries more in the thorough run, which try the same in both. `npm test` has run them, so the thorough
 * run leaves them out.
 *
 * @param {() => void} define
 */
export function onlyUsually(define) {
  if (!isThorough) define();
}

/**
 * Test files that only `npm run test:thorough` runs (and `npm run test:eventstoredb`, on the other log), and where `npm test`
 * proves the same claim.
 */
export const ONLY_THOROUGH = {
  'faults/killed-before-the-answer.test.ts':
    'second and third deaths; faults/killed-everywhere.test.ts dies of each kind once, on each log',
  'faults/killed-in-the-answer.test.ts': 'likewise',
  'faults/killed-in-a-step.test.ts': 'likewise',
  'faults/killed-in-a-large-end.test.ts':
    'deaths between the appends of one end; faults/killed-everywhere.test.ts dies in an end, integration/largest-end.test.ts splits it',
  'faults/killed-with-its-database.test.ts':
    'a death of both; faults/killed-everywhere.test.ts kills the process, faults/process-killed.test.ts the log with its database',
  'faults/hostile-load.test.ts':
    'kills under hostile load; faults/killed-everywhere.test.ts kills under load, integration/key-flood.test.ts, integration/long-texts.test.ts and integration/search-apart.test.ts are hostile',
  'faults/log-went-back-in-a-start.test.ts':
    'a failover while a process starts; faults/log-went-back.test.ts restores a log under live processes',
  'e2e/backup.test.ts':
    'the whole product, restored twice; integration/base-backup.test.ts restores the copy of a cluster that was written to',
  'e2e/dev.test.ts': 'bundles three times; integration/bundle.test.ts bundles what has changed',
  'e2e/log-copy.test.ts': 'the whole product on three logs; unit/app/log-copy.test.ts copies between logs in memory',
  'e2e/start-variants.test.ts': 'other ways to the same starts, stops and refusals; e2e/start.test.ts has one of each',
  'e2e/log-went-back.test.ts':
    'the whole product, which stops and starts again; faults/log-went-back.test.ts restores a log under live processes',
  'faults/kafka-broker.test.ts':
    'a broker, which needs Java and Maven; integration/kafka-relay.test.ts has one that speaks the protocol of Kafka',
  'faults/many-feeds.test.ts':
    'memory and times of thousands of feeds; integration/conversation-feed.test.ts closes a client that does not read',
  'faults/rolling-restart.test.ts':
    'a fleet under load; e2e/drain.test.ts stops a process in order, faults/two-processes.test.ts has its successor',
  'integration/conversations-full-of-quotes.test.ts':
    'twice 56 MiB of text that a fold doubles; integration/full-conversation.test.ts fills one conversation',
  'integration/first-start-killed.test.ts':
    'kills at several moments of initdb; integration/embedded-postgres-crashes.test.ts begins anew after one',
  'integration/soak-of-steps.test.ts':
    'the heap after 100,000 steps; unit/architecture.test.ts refuses AbortSignal.any, which kept what it grew by',
};

/** Test files that try more in `npm run test:thorough` than in `npm test`. */
export const MORE_WHEN_THOROUGH = [
  'contracts/postgres-event-log.test.ts',
  'e2e/turn-cost.test.ts',
  'faults/postgres-outages.test.ts',
  'integration/appends-answered-late.test.ts',
  'integration/eventstoredb-calls.test.ts',
  'integration/key-flood.test.ts',
  'integration/long-texts.test.ts',
  'integration/projection-rebuild.test.ts',
  'simulation/planted-mistakes.test.ts',
  'unit/domain/conversation/kept-conversation.test.ts',
  'unit/tokenizer.test.ts',
  'unit/tokenizer-pieces.test.ts',
];
