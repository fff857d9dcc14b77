import type { Clock } from '../../../src/ports/clock.js';
import type { Draws } from './draws.js';

/** Whose step it is: what a dead process was about to do is not done, and a frozen one does it later. */
export interface Actor {
  readonly name: string;
  readonly isDead: boolean;
  readonly frozenUntilMs: number;
}

interface Step {
  readonly actor: Actor;
  readonly what: string;
  readonly run: () => void | Promise<void>;
  /** It is on its way already: neither the death nor the sleep of its sender stops it. */
  readonly isSent: boolean;
}

interface Timer {
  readonly atMs: number;
  readonly step: Step;
}

const ONE_IN_TIME_PASSES = 20;
/** While something is under way, no more time passes at once: nothing takes as long as the bounds of an answer. */
const PASSING_MS_MAX = 50;

/**
 * The only source of order and time of a simulated run. Whatever a process asks of the world, the world's answer and
 * each timer is a step; the next one is drawn. Between two steps everything runs that was woken by the first.
 */
export class Schedule {
  nowMs = Date.UTC(2026, 0, 1);
  steps = 0;
  readonly trace: string[] = [];
  private pending: Step[] = [];
  private readonly timers = new Set<Timer>();

  constructor(
    private readonly draws: Draws,
    readonly isTraced: boolean,
  ) {}

  /** What the actor asks arrives, takes effect, and is answered: in three steps, with other steps between them. */
  call<T>(actor: Actor, what: string, effect: () => Promise<T>, delayMs = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (run: () => void) => this.add({ actor, what: `${what} is answered`, run, isSent: false });
      const arrive = async () => {
        try {
          const result = await effect();
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(error));
        }
      };
      this.later(delayMs, { actor, what: `${what} arrives`, run: arrive, isSent: true });
    });
  }

  /** Something that happens in the world, with nobody waiting for it. */
  later(delayMs: number, step: Step): void {
    if (delayMs <= 0) this.add(step);
    else this.timers.add({ atMs: this.nowMs + delayMs, step });
  }

  clockOf(actor: Actor): Clock {
    return {
      now: () => this.nowMs,
      monotonic: () => this.nowMs,
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const step = { actor, what: `a timer of ${milliseconds} ms ends`, run: () => end(), isSent: false };
          const timer = { atMs: this.nowMs + Math.max(0, milliseconds), step };
          const end = () => {
            signal?.removeEventListener('abort', end);
            this.timers.delete(timer);
            resolve();
          };
          signal?.addEventListener('abort', end);
          this.timers.add(timer);
        }),
    };
  }

  /** Takes steps until it is over. False when it does not end: nothing is left to do, or there is no end in sight. */
  async run(isOver: () => boolean, stepsMax: number): Promise<boolean> {
    await settled();
    while (!isOver()) {
      if (this.steps >= stepsMax) return false;
      const step = this.next();
      if (!step) return false;
      this.steps += 1;
      if (this.isTraced) this.trace.push(`${this.nowMs - Date.UTC(2026, 0, 1)} ms, ${step.actor.name}: ${step.what}`);
      await step.run();
      await settled();
    }
    return true;
  }

  note(what: string): void {
    if (this.isTraced) this.trace.push(`${this.nowMs - Date.UTC(2026, 0, 1)} ms: ${what}`);
  }

  private add(step: Step): void {
    if (step.isSent || !step.actor.isDead) this.pending.push(step);
  }

  private next(): Step | undefined {
    for (;;) {
      const ready = this.pending.filter((step) => step.isSent || step.actor.frozenUntilMs <= this.nowMs);
      if (ready.length > 0 && !this.draws.oneIn(ONE_IN_TIME_PASSES)) {
        const step = ready[this.draws.of(ready.length)] as Step;
        this.pending.splice(this.pending.indexOf(step), 1);
        return step;
      }
      if (!this.passTime(ready.length > 0 ? PASSING_MS_MAX : Number.POSITIVE_INFINITY)) return undefined;
    }
  }

  /** To the next moment at which anything is due, if it is near enough. False when nothing is left to do. */
  private passTime(mostMs: number): boolean {
    const thaws = this.pending.map((step) => step.actor.frozenUntilMs).filter((atMs) => atMs > this.nowMs);
    const nextMs = Math.min(...[...this.timers].map(({ atMs }) => atMs), ...thaws);
    if (nextMs === Number.POSITIVE_INFINITY) return this.pending.length > 0;
    this.nowMs = Math.max(this.nowMs, Math.min(nextMs, this.nowMs + mostMs));
    const due = [...this.timers].filter(({ atMs }) => atMs <= this.nowMs);
    due.sort((one, other) => one.atMs - other.atMs);
    for (const timer of due) {
      this.timers.delete(timer);
      this.add(timer.step);
    }
    return true;
  }

  /** Called when an actor dies. */
  forgetTheDead(): void {
    const lives = ({ actor, isSent }: Step) => isSent || !actor.isDead;
    this.pending = this.pending.filter(lives);
    for (const timer of this.timers) if (!lives(timer.step)) this.timers.delete(timer);
  }
}

/** Everything has run that needs no further step: promises, and what waits for the next turn of the loop. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
}
