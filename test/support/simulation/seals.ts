import type { NewEvent } from '../../../src/events/envelope.js';
import type { AppendOutcome } from '../../../src/ports/event-log.js';

interface Seal {
  readonly worker: string;
  readonly outcome: AppendOutcome['outcome'];
  /** The log has judged the append, and its worker does not get the answer. */
  readonly isAnswerLost: boolean;
}

/** The attempts of workers to seal a tape, as the log judged them. */
export class Seals {
  private readonly byTape = new Map<string, Seal[]>();

  judged(stream: string, events: readonly NewEvent[], seal: Seal): void {
    if (!events.some(isSeal)) return;
    this.byTape.set(stream, [...(this.byTape.get(stream) ?? []), seal]);
  }

  /** Tapes that two workers sealed: one appended its seal and lost the answer, and the other one met a conflict. */
  get contested(): number {
    return [...this.byTape.values()].filter((attempts) => {
      const winner = attempts.find(({ outcome }) => outcome === 'appended');
      return (
        winner?.isAnswerLost &&
        attempts.some(({ worker, outcome }) => outcome === 'conflict' && worker !== winner.worker)
      );
    }).length;
  }
}

/** Whether an event ends its tape. */
export const isSeal = ({ type, data }: NewEvent): boolean =>
  type === 'AttemptEnded' && JSON.parse(data).retryAt === undefined;
