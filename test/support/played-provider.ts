import type { IncomingHttpHeaders } from 'node:http';
import {
  answer,
  delta,
  type Exchange,
  finish,
  type Script,
  type Step,
  startFakeProvider,
  waitFor,
} from './fake-provider.js';
import { gate } from './gate.js';
import type { ReceivedCall } from './invariants/evidence.js';

interface Played {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly abortedAt: number | undefined;
}

/** A provider that plays what a test wrote for a message, and to every other message says how many it was given. */
export interface PlayedProvider {
  readonly baseUrl: string;
  /** For prompts whose last message has this in it: one script for each call, the last one repeated. */
  play(mark: string, ...scripts: Script[]): void;
  /** The calls whose last message has this in it. */
  calls(mark: string): Played[];
  /** The messages of such a call, as `role: text`; of the last one unless it says otherwise. */
  messages(mark: string, nth?: number): string[];
  /** Everything that was asked, and the text that was sent back. */
  received(): ReceivedCall[];
  stop(): Promise<void>;
}

export const MODEL = 'fake-model';

export async function startPlayedProvider(): Promise<PlayedProvider> {
  const provider = await startFakeProvider();
  const plays = new Map<string, Script[]>();
  const said: Buffer[][] = [];
  const markedBy = (mark: string) => provider.requests.filter(({ body }) => lastMessage(body).includes(mark));
  provider.script = ({ body }) => {
    const last = lastMessage(body);
    const found = [...plays].find(([mark]) => last.includes(mark));
    const sent: Buffer[] = [];
    said.push(sent);
    const script = found
      ? nthOf(found[1], markedBy(found[0]).length)
      : answer([`answer to ${messagesIn(body).length}`]);
    return [listening(sent), ...script];
  };
  return {
    baseUrl: provider.baseUrl,
    play: (mark, ...scripts) => void plays.set(mark, scripts),
    calls: markedBy,
    messages(mark, nth = -1) {
      const call = markedBy(mark).at(nth);
      if (!call) throw new Error(`no call has ${mark}`);
      return messagesIn(call.body).map(({ role, content }) => `${role}: ${content}`);
    },
    received: () => provider.requests.map(({ body }, nth) => ({ body: `${body}`, answer: textOf(said[nth] ?? []) })),
    stop: () => provider.stop(),
  };
}

/** An answer that says its first text, and the rest when the test lets it. */
export function held(first: string, rest: string): { readonly script: Script; readonly letGo: () => void } {
  const { opened, open } = gate();
  const whole = answer([rest]);
  return { script: [delta(first), waitFor(opened), ...whole.slice(1)], letGo: open };
}

/** Texts of which each one comes when the test lets it, and then the end. */
export function steered(texts: readonly Step[]): { readonly script: Script; readonly letNext: () => void } {
  let allowed = 0;
  const steps = texts.flatMap((step, nth) => [waitFor(() => allowed > nth), step]);
  return {
    script: [...steps, waitFor(() => allowed > texts.length), finish()],
    letNext: () => {
      allowed += 1;
    },
  };
}

const nthOf = (scripts: readonly Script[], call: number): Script => scripts[Math.min(call, scripts.length) - 1] ?? [];

const messagesIn = (body: Buffer): { role: string; content: string }[] => JSON.parse(`${body}`).messages;
const lastMessage = (body: Buffer): string => messagesIn(body).at(-1)?.content ?? '';

/** Records all bytes that are sent after it, because Node reports no failed write to a closed socket. */
const listening =
  (sent: Buffer[]): Step =>
  ({ response, gone }: Exchange) => {
    const write = response.write.bind(response);
    let goOn: (() => void) | undefined;
    gone.addEventListener('abort', () => goOn?.());
    response.write = ((bytes: string | Uint8Array, done?: () => void) => {
      sent.push(Buffer.from(bytes as Uint8Array));
      goOn = done;
      return write(bytes, done as () => void);
    }) as typeof response.write;
  };

function textOf(sent: readonly Buffer[]): string {
  const frames = Buffer.concat(sent).toString().split('\n\n');
  const data = frames.flatMap((frame) => (frame.startsWith('data: {') ? [frame.slice(6)] : []));
  return data.map((each) => contentOf(each)).join('');
}

function contentOf(data: string): string {
  try {
    return JSON.parse(data).choices?.[0]?.delta?.content ?? '';
  } catch {
    // Cut off, as a test wanted it.
    return '';
  }
}
