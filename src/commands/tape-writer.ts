import type { Recorded } from '../domain/decider.js';
import { generation, type Tape, type TapeDecision } from '../domain/generation.js';
import { type Wrapping, wrapped } from '../events/codec.js';
import { type GenerationEvent, generationStream } from '../events/conversation-events.js';
import { TerminalError } from '../ports/errors.js';
import { eventsOf } from '../ports/event-log.js';
import type { Job } from '../ports/work.js';
import type { Origin } from './origin.js';
import { asRead, type Publish, type TransactionParts } from './transact.js';

export interface TapeWriterParts extends TransactionParts {
  readonly publish: Publish;
}

/** Another worker has written to the tape, so this one must stop. */
export class Fenced extends TerminalError {}

/**
 * Writes to a generation's tape until another worker does. Every append names the revision that the writer has seen, so
 * the log refuses a writer that another one has replaced.
 */
export class TapeWriter {
  private constructor(
    private readonly parts: TapeWriterParts,
    private readonly job: Job,
    private readonly origin: Origin,
    private standing: Tape,
    private revision: number | 'none',
  ) {}

  /** A writer of a tape that does not exist yet. */
  static ofNew(parts: TapeWriterParts, job: Job, origin: Origin): TapeWriter {
    return new TapeWriter(parts, job, origin, generation.initial, 'none');
  }

  static async open(parts: TapeWriterParts, job: Job, origin: Origin): Promise<TapeWriter> {
    const writer = TapeWriter.ofNew(parts, job, origin);
    for await (const event of eventsOf(parts, generationStream(job.generation))) {
      writer.standing = generation.evolve(writer.standing, event as unknown as Recorded<GenerationEvent>);
      writer.revision = event.revision;
    }
    return writer;
  }

  get tape(): Tape {
    return this.standing;
  }

  /**
   * Appends the events of several decisions together, each made on the tape as the ones before leave it. While the log is
   * unavailable the same call is repeated, with the same ids: another worker that took over has written behind the same
   * revision. Throws Fenced.
   */
  async write(decisions: readonly TapeDecision[], signal: AbortSignal): Promise<readonly GenerationEvent[]> {
    const { ids, clock, codec, log } = this.parts;
    const { tenant, conversation, generation: id } = this.job;
    const at = new Date(clock.now()).toISOString();
    const commandId = ids.random();
    const meta = { ...this.origin, conversation, commandId };
    const events: (GenerationEvent & Wrapping)[] = [];
    let ahead = this.standing;
    for (const decide of decisions) {
      for (const event of decide(ahead)) {
        const next = wrapped(event, { id: ids.event(), tenant, at, meta });
        ahead = generation.evolve(ahead, next);
        events.push(next);
      }
    }
    const encoded = await codec.encode(generationStream(id), events);
    while (encoded.length > 0) {
      const outcome = await log.append(generationStream(id), this.revision, encoded, { user: this.origin.owner });
      if (outcome.outcome === 'conflict') throw new Fenced(`the tape of ${id} belongs to another worker now`);
      if (outcome.outcome !== 'unavailable') {
        const first = this.revision === 'none' ? 0 : this.revision + 1;
        this.standing = ahead;
        this.revision = outcome.revision;
        this.parts.publish(conversation, asRead(generationStream(id), first, encoded, events, meta));
        break;
      }
      if (signal.aborted) throw new Fenced(`the tape of ${id} could not be written while it was held`);
    }
    return events;
  }
}
