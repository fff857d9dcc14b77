import type { Codec } from '../events/codec.js';
import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { TerminalError } from '../ports/errors.js';
import type { JobStage, Work } from '../ports/work.js';

const STAGES: Readonly<Record<string, JobStage>> = {
  GenerationRequested: 'requested',
  PromptAssembled: 'prompted',
  GenerationFinalized: 'ended',
};

/** Whoever answers prompts in this process. */
export interface Answerer {
  /** Whether it is at this one already, and the work table says so. */
  isEntered(generation: string): Promise<boolean>;
  wake(): void;
}

/** Enters in the work table what has to be answered, and what has been: the table follows from the log. */
export function recordWork(codec: Codec, work: Pick<Work, 'record'>, answerer: Answerer) {
  return async (recorded: RecordedEvent): Promise<void> => {
    const stage = STAGES[recorded.type];
    if (stage === undefined) return;
    const event = codec.decode(recorded);
    // Passing over it would leave somebody without an answer.
    if (!event) throw new TerminalError(`${recorded.type} v${recorded.schema} is of a newer version`);
    const { tenant, meta, data } = event;
    if (!('generationId' in data) || meta.conversation === undefined) return;
    // What does not wait has its prompt beside it: that one enters it.
    if (event.type === 'GenerationRequested' && event.data.turn === undefined) return;
    const { conversation, owner = null } = meta;
    const generation = data.generationId;
    if (stage === 'prompted' && (await answerer.isEntered(generation))) return;
    const job = { generation, conversation, tenant, owner };
    if (stage !== 'prompted') await work.record(job, stage);
    // Nobody has entered it: whoever was offered it, in another process, is just about to, unless he has died.
    else if (!(await work.record(job, stage, limits.offeredElsewhereMs))) answerer.wake();
  };
}
