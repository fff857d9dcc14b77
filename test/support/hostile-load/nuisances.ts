import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often each answer came, by what was asked and the status: `search 200`. Requests that a kill cut count as `cut`. */
export type Tally = Map<string, number>;

export interface Nuisance {
  readonly over: AbortSignal;
  readonly draw: () => number;
  readonly address: () => string | undefined;
  readonly tally: Tally;
}

const SEARCHES = ['says', '-says', '-zzz', 'says 1', '"says 1"', 'answer OR says', '🙂', 'x'.repeat(900)];
const LISTS = ['/conversations', '/runs'];

/** A member who searches for common words, for their absence, and for nonsense, one request after the other. */
export async function searching(nuisance: Nuisance, key: string): Promise<void> {
  await repeatedly(nuisance, 50, async (address) => {
    const list = pick(LISTS, nuisance.draw);
    const words = encodeURIComponent(pick(SEARCHES, nuisance.draw));
    return ['search', await statusOf(`${address}/api/v1${list}?q=${words}`, { authorization: `Bearer ${key}` })];
  });
}

/** What monitors ask, far more often than they should. */
export async function scraping(nuisance: Nuisance): Promise<void> {
  const paths = ['/metrics', '/health/ready', '/health/live'];
  await repeatedly(nuisance, 100, async (address) => {
    const path = pick(paths, nuisance.draw);
    return [path, await statusOf(`${address}${path}`, {})];
  });
}

/** Keys that look like keys and that nobody was given, from an address that no member has. */
export async function floodingWithKeys(nuisance: Nuisance): Promise<void> {
  await repeatedly(nuisance, 5, async (address) => {
    const letters = () => Array.from({ length: 16 }, () => 'abcdefghij'[Math.floor(nuisance.draw() * 10)]).join('');
    const key = `vb_${letters()}_${letters()}${letters()}`;
    return ['made-up key', await statusOf(`${address}/api/v1/me`, { authorization: `Bearer ${key}` }, '127.0.0.2')];
  });
}

async function repeatedly(
  { over, address, tally }: Nuisance,
  pauseMs: number,
  ask: (address: string) => Promise<[what: string, status: number | 'cut']>,
): Promise<void> {
  while (!over.aborted) {
    const server = address();
    if (server !== undefined) {
      const answered = (await ask(server)).join(' ');
      tally.set(answered, (tally.get(answered) ?? 0) + 1);
    }
    await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
  }
}

/** Only a request without any answer is cut: it met a process that was killed. */
function statusOf(url: string, headers: Record<string, string>, localAddress?: string): Promise<number | 'cut'> {
  return new Promise((resolve) => {
    const asked = request(url, { headers, agent: false, ...(localAddress !== undefined && { localAddress }) });
    asked.on('response', (response) => {
      response.resume();
      response.on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 'cut'));
    });
    asked.on('error', () => resolve('cut'));
    asked.end();
  });
}

function pick<T>(choices: readonly T[], draw: () => number): T {
  return choices[Math.floor(draw() * choices.length)] as T;
}
