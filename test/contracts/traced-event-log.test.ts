import { TracedEventLog } from '../../src/adapters/opentelemetry/traced-event-log.js';
import { type Hold, heldLog } from '../support/held-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { recordedSpans } from '../support/recorded-spans.js';
import { eventLogContract } from './event-log.contract.js';

const createStore = async () => {
  const log = new TracedEventLog(new MemoryEventLog('gapless'), 'postgresql', recordedSpans().spans);
  return { open: async (hold?: Hold) => heldLog(log, hold), destroy: () => log.close() };
};
eventLogContract('memory, with traced appends', createStore, { countsBacklogs: true });
