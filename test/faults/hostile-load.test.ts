import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { ADMIN_KEY } from '../support/failpoint-process.js';
import { reading, type Wait } from '../support/hostile-load/bystanders.js';
import { KilledFleet, type Pause } from '../support/hostile-load/killed-fleet.js';
import { floodingWithKeys, scraping, searching, type Tally } from '../support/hostile-load/nuisances.js';
import { breaches } from '../support/invariants/check.js';
import { rebuildDifferences } from '../support/rebuilt.js';
import { seeded } from '../support/seeded.js';
import { askAllAgain } from '../support/turn-client.js';
import type { Service } from '../support/turn-feed.js';
import { TurnGround } from '../support/turn-ground.js';
import { TurnJournal } from '../support/turn-journal.js';
import { runLoad } from '../support/turn-load.js';
import { startTurnProvider } from '../support/turn-provider.js';

const MEMBERS_SEARCHING = 8;
const SCRAPERS = 4;
const FLOODERS = 8;
const BYSTANDERS = 4;
/** Answers that a nuisance may get: a list, a refusal, or a request to slow down. Never an error of the server. */
const EXPECTED = [/^search (200|422|429|503|cut)$/, /^\/\S+ (200|cut)$/, /^made-up key (401|429|cut)$/];

/** `npm run soak` makes the run longer and says what it saw. */
const minutes = Number(process.env.TEST_SOAK_MINUTES || '0.3');
const pause: Pause = minutes < 0.3 ? { leastMs: 1_000, mostMs: 3_000 } : { leastMs: 4_000, mostMs: 12_000 };
const seed = Number(process.env.TEST_SOAK_SEED || '1');

let ground: TurnGround;
let dataDir: string;
beforeAll(async () => {
  ground = await TurnGround.prepare();
  dataDir = await mkdtemp(join(tmpdir(), 'verbatim-hostile-'));
});
afterAll(async () => {
  await ground.clear();
  await rm(dataDir, { recursive: true, force: true });
});

describe('two processes under hostile load', () => {
  it(
    'lose no acknowledged message and answer every bystander while one of them is killed again and again',
    async () => {
      await ground.withStores(async ({ environment, log, connection }) => {
        const provider = await startTurnProvider(() => log.head());
        const draw = seeded(seed);
        const fleet = new KilledFleet(
          {
            ...environment,
            OPENAI_BASE_URL: provider.baseUrl,
            VERBATIM_MODEL: 'fake-model',
            VERBATIM_ADMIN_KEY: ADMIN_KEY,
            VERBATIM_DATA_DIR: dataDir,
            VERBATIM_LEASE_MS: '1000',
            VERBATIM_DELTA_FLUSH_MS: '5',
            LOG_LEVEL: 'error',
          },
          draw,
          pause,
        );
        const journal = new TurnJournal();
        const tally: Tally = new Map();
        const waits: Wait[] = [];
        const wrong: string[] = [];
        const ending = new AbortController();
        const chat: Service = { key: ADMIN_KEY, over: ending.signal, address: () => fleet.address() };
        try {
          await fleet.start();
          const keyOf = await keysGivenBy(new ApiClient(fleet.address() ?? '', ADMIN_KEY));
          const searchers = await Promise.all(numbered(MEMBERS_SEARCHING, (nth) => keyOf(`searcher-${nth}`)));
          const members = await Promise.all(numbered(BYSTANDERS, (nth) => keyOf(`bystander-${nth}`)));
          const over = AbortSignal.timeout(minutes * 60_000);
          setMaxListeners(0, over);
          const nuisance = { over, draw, tally, address: () => fleet.address() };
          const bystanders = { over, waits, wrong, addresses: () => fleet.addresses() };
          const chatting = async () => {
            for (let round = 0; !over.aborted; round++) await runLoad(chat, journal, `-${round}`);
          };
          await Promise.all([
            chatting(),
            fleet.killUntil(over),
            ...searchers.map((key) => searching(nuisance, key)),
            ...numbered(SCRAPERS, () => scraping(nuisance)),
            ...numbered(FLOODERS, () => floodingWithKeys(nuisance)),
            ...members.map((key, nth) => reading(bystanders, key, `bystander-${nth}`)),
          ]);
          await askAllAgain(chat, journal);
          expect(await fleet.stop()).toEqual([0, 0]);

          report({ absences: fleet.absences, turns: provider.calls.length, tally, waits });
          expect(fleet.absences.length).toBeGreaterThan(0);
          expect(wrong.slice(0, 10)).toEqual([]);
          const unexpected = [...tally.keys()].filter((answer) => !EXPECTED.some((pattern) => pattern.test(answer)));
          expect(unexpected).toEqual([]);
          expect(await breaches({ log, journal, calls: provider.calls })).toEqual([]);
          expect(await rebuildDifferences(connection, log)).toEqual([]);
        } catch (cause) {
          throw new Error(`seed ${seed}: ${cause}; the servers said:\n${fleet.said()}`, { cause });
        } finally {
          ending.abort();
          await fleet.stop();
          await provider.stop();
        }
      });
    },
    minutes * 60_000 + 300_000,
  );
});

const numbered = <T>(count: number, make: (nth: number) => T): T[] =>
  Array.from({ length: count }, (_, nth) => make(nth));

function keysGivenBy(admin: ApiClient) {
  return async (user: string): Promise<string> =>
    (await admin.ask('POST', '/keys', { user, role: 'member', name: 'hostile load' })).key;
}

interface Seen {
  readonly absences: KilledFleet['absences'];
  readonly turns: number;
  readonly tally: Tally;
  readonly waits: readonly Wait[];
}

/** For the one who runs it for long. Times are reported and not asserted: they say as much about the machine. */
function report({ absences, turns, tally, waits }: Seen): void {
  if (process.env.TEST_SOAK_MINUTES === undefined) return;
  const overlaps = ({ begunMs, ms }: Wait, longerMs: number) =>
    absences.some(({ fromMs, toMs }) => begunMs <= toMs + longerMs && begunMs + ms >= fromMs);
  const whenOf = (wait: Wait): string => {
    if (overlaps(wait, 0)) return 'while one is killed and starts';
    return overlaps(wait, 1_000) ? 'in the first second of a new process' : 'while both processes serve';
  };
  const kinds = [...new Set(waits.map((wait) => `${wait.what}, ${whenOf(wait)}`))].sort();
  const rows = kinds.map((kind) =>
    rowOf(
      kind,
      waits.filter((wait) => `${wait.what}, ${whenOf(wait)}` === kind),
    ),
  );
  const answers = [...tally].sort().map(([answer, count]) => `${answer}: ${count}`);
  const lines = [
    `seed ${seed}, ${minutes} minutes, ${absences.length} kills, ${turns} calls of the model`,
    ...rows,
    ...answers,
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

function rowOf(kind: string, waits: readonly Wait[]): string {
  const sorted = waits.map(({ ms }) => ms).sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(0) ?? '-';
  const times = `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`;
  return `${kind}: ${waits.length} requests, ${waits.filter(({ isCut }) => isCut).length} cut, ${times}`;
}
