import type { Position } from '../../src/events/envelope.js';
import { answer, type Exchange, type Script, startFakeProvider, waitFor } from './fake-provider.js';
import type { ReceivedCall } from './invariants/evidence.js';

const WORDS = 8;
const WORD_EVERY_MS = 8;

export interface TurnProvider {
  readonly baseUrl: string;
  /** Everything that was asked of it, in the order of arrival. */
  readonly calls: readonly ReceivedCall[];
  /** The next answer stops after so many words, until it is let go. */
  holdNext(words: number): Hold;
  stop(): Promise<void>;
}

export interface Hold {
  readonly letGo: () => void;
  /** The rest has been sent, or its client has left. */
  readonly over: Promise<void>;
}

interface Held extends Hold {
  readonly words: number;
  readonly released: Promise<void>;
  readonly end: () => void;
}

/** A provider that never says the same twice, and remembers what it was asked: `head` looks at the log at that moment. */
export async function startTurnProvider(
  head?: () => Promise<Position>,
  everyMs = WORD_EVERY_MS,
): Promise<TurnProvider> {
  const provider = await startFakeProvider();
  const calls: (ReceivedCall & { head?: Position })[] = [];
  let next: Held | undefined;
  provider.script = ({ body }): Script => {
    const words = Array.from({ length: WORDS }, (_, nth) => `${calls.length}.${nth} 🙂 `);
    const call: ReceivedCall & { head?: Position } = { body: body.toString(), answer: words.join('') };
    calls.push(call);
    const look = async () => {
      if (head) call.head = await head();
    };
    const held = next;
    next = undefined;
    return [look, ...(held ? stopping(held, words) : answer(words, { everyMs }))];
  };
  return {
    baseUrl: provider.baseUrl,
    calls,
    holdNext(words) {
      const [released, letGo] = gate();
      const [over, end] = gate();
      next = { words, released, letGo, over, end };
      return next;
    },
    stop: () => provider.stop(),
  };
}

function gate(): [passed: Promise<void>, pass: () => void] {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return [passed, pass];
}

function stopping({ words, released, end }: Held, texts: readonly string[]): Script {
  const script = answer(texts);
  const place = 1 + words;
  const onceSent = ({ response, gone }: Exchange) => {
    gone.addEventListener('abort', end);
    response.once('finish', end);
  };
  return [onceSent, ...script.slice(0, place), waitFor(released), ...script.slice(place)];
}
