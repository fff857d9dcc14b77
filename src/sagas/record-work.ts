import type { Codec } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { orFail } from '../ports/event-log.js';
import type { JobStage, Work } from '../ports/work.js';

const STAGES: Readonly<Record<string, JobStage>> = {
  GenerationRequested: 'requested',
  PromptAssembled: 'prompted',
  GenerationFinalized: 'ended',
};

/**
 * Records prompts and ends of generations in the work table, from the log. Calls `wake` for a prompt that no worker is
 * known to answer.
 */
export function recordWork(codec: Codec, work: Pick<Work, 'record'>, wake: () => void) {
  return async (recorded: RecordedEvent): Promise<void> => {
    const stage = STAGES[recorded.type];
    if (stage === undefined) return;
    // To skip the event would leave a prompt without an answer.
    const event = orFail(recorded, ...(await codec.decode([recorded])));
    const { tenant, meta, data } = event;
    if (!('generationId' in data) || meta.conversation === undefined) return;
    // A request that is not queued has its prompt in the same append, which records the job.
    if (event.type === 'GenerationRequested' && event.data.turn === undefined) return;
    const { conversation, owner = null } = meta;
    const generation = data.generationId;
    const job = { generation, conversation, tenant, owner };
    if (stage !== 'prompted') await work.record(job, stage);
    // The process that claimed it by an offer is about to record that, unless it has died.
    else if (!(await work.record(job, stage, limits.offeredElsewhereMs))) wake();
  };
}
