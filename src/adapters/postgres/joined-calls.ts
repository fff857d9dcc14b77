import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises';

interface WaitingCall<Call, Answer> {
  readonly key: string;
  readonly call: Call;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Resolves to the results by key. A key may have none. */
export type AskTogether<Call, Answer> = (calls: readonly Call[]) => Promise<ReadonlyMap<string, Answer>>;

/**
 * Joins calls that are made at the same time, or while a statement runs, into one statement. It has each key once, so two
 * calls with one key go into two statements, in order.
 */
export class JoinedCalls<Call, Answer> {
  private waiting: WaitingCall<Call, Answer>[] = [];
  private isAsking = false;
  private askedAtMs = Number.NEGATIVE_INFINITY;

  /** Statements begin at least `apartMs` apart: if no caller waits for the result, a few large ones cost less than many. */
  constructor(
    private readonly askTogether: AskTogether<Call, Answer>,
    private readonly apartMs = 0,
  ) {}

  ask(key: string, call: Call): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, call, resolve, reject });
      if (!this.isAsking) void this.askAll();
    });
  }

  private async askAll(): Promise<void> {
    this.isAsking = true;
    await turnOfTheLoop();
    while (this.waiting.length > 0) {
      const leftMs = this.askedAtMs + this.apartMs - performance.now();
      if (leftMs > 0) await sleep(leftMs);
      this.askedAtMs = performance.now();
      const batch = this.takeBatch();
      try {
        const answers = await this.askTogether(batch.map(({ call }) => call));
        for (const { key, resolve } of batch) resolve(answers.get(key));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.isAsking = false;
  }

  private takeBatch(): readonly WaitingCall<Call, Answer>[] {
    const batch = new Map<string, WaitingCall<Call, Answer>>();
    const later: WaitingCall<Call, Answer>[] = [];
    for (const each of this.waiting) {
      if (batch.has(each.key)) later.push(each);
      else batch.set(each.key, each);
    }
    this.waiting = later;
    return [...batch.values()];
  }
}
