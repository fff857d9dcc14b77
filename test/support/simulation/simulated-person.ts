import { CancelGeneration } from '../../../src/commands/endings.js';
import type { WritingCaller } from '../../../src/commands/origin.js';
import { StartConversation } from '../../../src/commands/start-conversation.js';
import { Regenerate, SendMessage } from '../../../src/commands/turns.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { FeedEvent } from '../../../src/sse/conversation-history.js';
import { parseCursor } from '../../../src/sse/cursor.js';
import { frameOf } from '../../../src/sse/event-frames.js';
import { parsedFrame } from '../turn-feed.js';
import type { Acknowledgement, Answer, Asked, FeedRecord } from '../turn-journal.js';
import type { Actor } from './schedule.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { World } from './world.js';

const END = 'generation-finalized';
const ASK_AGAIN_MS = 20;

interface Note {
  readonly what: 'note';
  readonly content: string;
}

interface Crowd {
  readonly world: World;
  /** A process that takes requests, if there is one. */
  readonly process: () => SimulatedProcess | undefined;
}

/** One person who asks in a conversation with a key until there is an answer, and follows the generations. */
export class SimulatedPerson implements Actor {
  readonly isDead = false;
  readonly frozenUntilMs = 0;
  private asked = 0;
  private feed: FeedRecord | undefined;
  /** A second conversation, in which keys of the first one are used by mistake. */
  private other = '';
  private isLeaving = false;
  private readonly seen = new Set<() => void>();

  constructor(
    private readonly crowd: Crowd,
    readonly name: string,
  ) {}

  /** A few turns of every kind, as drawn. Over when everything that was asked has ended. */
  async live(turns: number): Promise<void> {
    const { id } = await this.ask({ what: 'start' }, '');
    this.feed = this.crowd.world.journal.feed(this.name, id as string);
    this.other = (await this.ask({ what: 'start' }, '')).id as string;
    await Promise.all([this.follow(this.feed), this.takeTurns(this.feed, turns)]);
  }

  private async takeTurns(record: FeedRecord, turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await this.takeTurn();
    record.isComplete = true;
    this.isLeaving = true;
    this.wake();
  }

  /** Everything that was acknowledged, once more: it must be answered as it was. */
  async askAllAgain(acknowledged: readonly Acknowledgement[]): Promise<void> {
    for (const { key, asked, conversation } of acknowledged) {
      const answer = await this.askWith(key, asked, conversation);
      if (!answer) throw new Error(`${key} was acknowledged, and is refused now`);
    }
  }

  private async takeTurn(): Promise<void> {
    const { draws } = this.crowd.world;
    const generations = [await this.send()];
    switch (draws.of(6)) {
      case 1:
        generations.push(await this.send('enqueue'));
        break;
      case 2:
        await this.shown((event) => event === 'delta' || event === END, generations[0] as string);
        await this.ask({ what: 'cancel', generation: generations[0] as string });
        break;
      case 3:
        await this.ask({ what: 'cancel', generation: generations[0] as string });
        break;
      case 4:
        generations.push(await this.send('interrupt'));
        break;
      case 5:
        await this.shown((event) => event === END, generations[0] as string);
        generations.push(await this.regenerate(generations[0] as string));
        break;
    }
    for (const generation of generations) await this.shown((event) => event === END, generation);
  }

  private async send(whenBusy?: 'enqueue' | 'interrupt'): Promise<string> {
    for (;;) {
      const key = this.nextKey();
      const asked: Asked = { what: 'send', content: `${this.name} says ${key}`, ...(whenBusy && { whenBusy }) };
      const isImpatient = this.crowd.world.draws.oneIn(5);
      const isMistaken = this.crowd.world.draws.oneIn(5);
      const conversation = this.feed?.conversation ?? '';
      const [answer] = await Promise.all([
        this.askWith(key, asked, conversation),
        isImpatient && this.askWith(key, asked, conversation),
        isMistaken && this.useElsewhere(key),
      ]);
      if (answer) return answer.generationId as string;
    }
  }

  /** The same key for another request, in another conversation: one of the two may act. */
  private async useElsewhere(key: string): Promise<void> {
    const process = this.crowd.process();
    const note: Note = { what: 'note', content: `${key} by mistake` };
    if (process) await this.answerOf(process, key, note, this.other).catch(unlessReused);
  }

  private async regenerate(generation: string): Promise<string> {
    const { generationId } = await this.ask({ what: 'regenerate', generation, seed: this.asked });
    return generationId as string;
  }

  private nextKey(): string {
    return `${this.name}-${this.asked++}`;
  }

  private async ask(asked: Asked, conversation = this.feed?.conversation ?? ''): Promise<Answer> {
    const answer = await this.askWith(this.nextKey(), asked, conversation);
    if (!answer) throw new Error(`the new key of ${JSON.stringify(asked)} was used before`);
    return answer;
  }

  /** Nothing when the key was used for another request. */
  private async askWith(key: string, asked: Asked, conversation: string): Promise<Answer | undefined> {
    for (;;) {
      const process = this.crowd.process();
      let isReused = false;
      const noteReuse = (error: unknown) => {
        unlessReused(error);
        isReused = true;
        return undefined;
      };
      const answer = process && (await this.answerOf(process, key, asked, conversation).catch(noteReuse));
      if (isReused) return undefined;
      if (answer) {
        const status = asked.what === 'start' ? 201 : 'status' in answer && asked.what === 'cancel' ? 200 : 202;
        const given = { key, asked, status, answer, conversation: conversation || (answer.id as string) };
        this.crowd.world.journal.acknowledged.push(given);
        return answer;
      }
      await this.pause(ASK_AGAIN_MS);
    }
  }

  /** Nothing when it has to be asked again: the process died, or said so. */
  private answerOf(process: SimulatedProcess, key: string, asked: Asked | Note, conversation: string) {
    const { schedule } = this.crowd.world;
    const caller: WritingCaller = {
      ...{ tenant: 'default', user: key.split('-')[0] as string, traceId: key },
      idempotency: { key, fingerprint: JSON.stringify(asked) },
    };
    const act = (): Promise<Answer> => execute(process, caller, asked, conversation);
    const isLost = new Promise<undefined>((resolve) => void process.death.then(() => resolve(undefined)));
    return new Promise<Answer | undefined>((resolve, reject) => {
      const answering = async () => {
        try {
          const answer = await Promise.race([isLost, act()]);
          schedule.later(0, { actor: this, what: `${key} is answered`, run: () => resolve(answer), isSent: true });
        } catch (error) {
          const isToBeAskedAgain =
            error instanceof RetryableError || (error instanceof Refusal && error.code === 'conversation_busy');
          if (isToBeAskedAgain) resolve(undefined);
          else reject(error);
        }
      };
      const run = () => {
        if (process.isAccepting) void answering();
        else resolve(undefined);
      };
      schedule.later(0, { actor: this, what: `${key} asks ${process.name} to ${asked.what}`, run, isSent: true });
    });
  }

  private async follow(record: FeedRecord): Promise<void> {
    while (!this.isLeaving) {
      const process = this.crowd.process();
      if (process) await this.followOn(process, record);
      else await this.pause(ASK_AGAIN_MS);
    }
  }

  private async followOn(process: SimulatedProcess, record: FeedRecord): Promise<void> {
    const leaving = new AbortController();
    const take = (told: FeedEvent) => {
      record.shown.push(parsedFrame(frameOf(told).toString().trimEnd()));
      this.wake();
      return true;
    };
    const feed = process.feeds.feed(record.conversation, {
      waiting: () => {},
      takeNow: (told) => take(told()),
    });
    record.connections += 1;
    const cursor = parseCursor(record.shown.at(-1)?.id ?? '0:0');
    if (!cursor) throw new Error(`${this.name} was shown no cursor`);
    const isOver = Promise.race([process.death, this.until(() => this.isLeaving || !process.isAccepting)]).then(() => ({
      done: true as const,
    }));
    const events = feed.from(cursor, leaving.signal)[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([events.next(), isOver]);
      if (next.done) break;
      take(next.value);
    }
    leaving.abort();
  }

  private shown(is: (event: string) => boolean, generation: string): Promise<void> {
    return this.until(() =>
      (this.feed?.shown ?? []).some(({ event, data }) => is(event) && data.generationId === generation),
    );
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => void this.seen.add(resolve));
  }

  private wake(): void {
    for (const wake of this.seen) wake();
    this.seen.clear();
  }

  private pause(milliseconds: number): Promise<void> {
    return this.crowd.world.schedule.clockOf(this).sleep(milliseconds);
  }
}

/** Any other error fails the run. */
function unlessReused(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'idempotency_key_reused')) throw error;
}

async function execute(
  process: SimulatedProcess,
  caller: WritingCaller,
  asked: Asked | Note,
  conversation: string,
): Promise<Answer> {
  switch (asked.what) {
    case 'start':
      return process.start.execute(new StartConversation(caller, { system: 'Be brief.' }));
    case 'send': {
      const { content, whenBusy } = asked;
      const asking = { options: whenBusy ? { whenBusy } : {} };
      return process.send.execute(new SendMessage(caller, conversation, { content, origin: 'person' }, asking));
    }
    case 'note':
      return process.send.execute(
        new SendMessage(caller, conversation, { content: asked.content, origin: 'person', kind: 'note' }, null),
      );
    case 'regenerate': {
      const asking = { options: { params: { seed: asked.seed } } };
      return process.regenerate.execute(new Regenerate(caller, conversation, asked.generation, asking));
    }
    case 'cancel': {
      const { cursor, status } = await process.cancel.execute(
        new CancelGeneration(caller, conversation, asked.generation),
      );
      // As the route answers: how it had ended, or where the effect can be seen.
      return status === undefined ? { cursor } : { status };
    }
  }
}
