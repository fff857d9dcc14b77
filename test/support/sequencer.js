import SequencerModule from '@jest/test-sequencer';

// CommonJS: imported from an ES module, its default export may be one level down.
const Sequencer = SequencerModule.default ?? SequencerModule;

/** The contracts of the log on EventStoreDB and on PostgreSQL are the longest files of all. */
const LONGEST_FIRST = ['simulation', 'contracts', 'faults', 'eventstoredb', 'e2e', 'integration', 'unit'];

/**
 * Long files first, so that no worker is left alone with one in the end. Jest orders by the times of earlier runs, and a
 * new clone has none: there it would go by the size of the files, which says little.
 */
export default class LongTiersFirst extends Sequencer {
  sort(tests) {
    const tier = ({ context }) => LONGEST_FIRST.indexOf(context.config.displayName?.name ?? '');
    return [...super.sort(tests)].sort((one, other) => tier(one) - tier(other));
  }
}
