import type { Codec } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { decodeOrFail } from '../ports/decode-or-fail.js';
import type { JobStage, Work } from '../ports/work.js';

const STAGES: Readonly<Record<string, JobStage>> = {
  GenerationRequested: 'requested',
  PromptAssembled: 'prompted',
  GenerationFinalized: 'ended',
};

/**
 * Records in the work table what has to be answered, and what has ended: the table follows from the log. `wake` is called
 * for a prompt that no worker is known to answer.
 */
export function recordWork(codec: Codec, work: Pick<Work, 'record'>, wake: () => void) {
  return async (recorded: RecordedEvent): Promise<void> => {
    const stage = STAGES[recorded.type];
    if (stage === undefined) return;
    // Passing over it would leave a prompt without an answer.
    const event = decodeOrFail(codec, recorded);
    const { tenant, meta, data } = event;
    if (!('generationId' in data) || meta.conversation === undefined) return;
    // What does not wait has its prompt beside it: that one records it.
    if (event.type === 'GenerationRequested' && event.data.turn === undefined) return;
    const { conversation, owner = null } = meta;
    const generation = data.generationId;
    const job = { generation, conversation, tenant, owner };
    if (stage !== 'prompted') await work.record(job, stage);
    // The process that was offered it is about to say so in the table, unless it has died.
    else if (!(await work.record(job, stage, limits.offeredElsewhereMs))) wake();
  };
}
