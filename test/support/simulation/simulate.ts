import { breachesOf } from '../invariants/check.js';
import { type Evidence, gather, isWithdrawal, ofType } from '../invariants/evidence.js';
import type { Actor } from './schedule.js';
import { MODEL_FAILURES } from './simulated-model.js';
import { SimulatedPerson } from './simulated-person.js';
import { SimulatedProcess } from './simulated-process.js';
import { LEASE_MS, type Plant, type Weather, World } from './world.js';

const WEATHERS: readonly Weather[] = ['quiet', 'rough', 'repeating', 'rough', 'rough'];
const PROCESSES = 2;
const PEOPLE = 3;
const TURNS = 2;
/** Far more than any run needs: one that takes so many does not get on. */
const STEPS_MAX = 50_000;
/** Of a rough run, in steps: after them the weather calms down, so that everything can end. */
const ROUGH_STEPS = 1_500;
const ONE_IN_FATE = 150;
const TRACE_STEPS = 80;

export interface Simulated {
  /** What is broken, and how. Nothing when every promise was kept. */
  readonly breaches: readonly string[];
  readonly draws: number;
  readonly steps: number;
  readonly trace: readonly string[];
  /** How many tapes two workers sealed, the first of which lost the answer. */
  readonly contestedSeals: number;
}

interface Run {
  readonly plant?: Plant;
  readonly quietAfter?: number;
  readonly isTraced?: boolean;
}

/** One run of the turn side in several processes: the same for the same seed. */
export async function simulate(seed: number, { plant, quietAfter, isTraced = false }: Run = {}): Promise<Simulated> {
  const weather = WEATHERS[seed % WEATHERS.length] as Weather;
  const world = new World(seed, weather, quietAfter, isTraced, plant);
  const fleet = new Fleet(world);
  await fleet.begin();
  let left = PEOPLE;
  let failure: unknown;
  const people = Array.from({ length: PEOPLE }, async (_, nth) => {
    const person = new SimulatedPerson({ world, process: () => fleet.any() }, `person${nth}`);
    await person.live(TURNS);
    await person.askAllAgain(world.journal.acknowledged.filter(({ key }) => key.startsWith(`person${nth}-`)));
    left -= 1;
  });
  Promise.all(people).catch((error) => {
    failure = error;
  });
  const isOver = () => {
    if (world.weather === 'rough' && world.schedule.steps < ROUGH_STEPS) fleet.meetFate();
    return left === 0 || failure !== undefined;
  };
  const hasEnded = await world.schedule.run(isOver, STEPS_MAX);
  const found = failure === undefined ? [] : [`a person met ${failure instanceof Error ? failure.stack : failure}`];
  if (!hasEnded) found.push(`it does not end: ${left} people still wait after ${world.schedule.steps} steps`);
  else if (failure === undefined) found.push(...(await judged(world)));
  const { count: draws } = world.draws;
  const { steps, trace } = world.schedule;
  const contestedSeals = world.seals.contested;
  return { breaches: [...found, ...world.warnings], draws, steps, trace, contestedSeals };
}

/** A failing seed with as few draws as it needs, and the last steps of that run. */
export async function explained(seed: number, plant?: Plant): Promise<string> {
  const again = (quietAfter?: number, isTraced = false) =>
    simulate(seed, { isTraced, ...(plant && { plant }), ...(quietAfter !== undefined && { quietAfter }) });
  let enough = (await again()).draws;
  let tooFew = -1;
  while (enough - tooFew > 1) {
    const middle = (enough + tooFew) >> 1;
    if ((await again(middle)).breaches.length > 0) enough = middle;
    else tooFew = middle;
  }
  const { breaches, trace } = await again(enough, true);
  const shown = trace.slice(-TRACE_STEPS).join('\n  ');
  return `seed ${seed}, quiet after ${enough} draws:\n${breaches.join('\n')}\nIts last steps:\n  ${shown}`;
}

async function judged(world: World): Promise<string[]> {
  const { log, journal, calls, weather } = world;
  const evidence = await gather({ log, journal, calls, otherFailures: [...MODEL_FAILURES] });
  const found = breachesOf(evidence);
  return weather === 'rough' ? found : [...found, ...disturbances(evidence)];
}

/** Where nothing is lost but answers of the log, each answer of a model takes one attempt of one process. */
function* disturbances({ events }: Evidence): Iterable<string> {
  for (const { data } of ofType(events, 'GenerationFinalized')) {
    if (data.error) yield `undisturbed: ${data.generationId} ended as ${data.error.kind}`;
  }
  for (const { data, stream } of ofType(events, 'GenerationClaimed')) {
    if (data.attempt > 1 && !events.some((event) => event.stream === stream && isWithdrawal(event)))
      yield `undisturbed: ${stream} was claimed ${data.attempt} times`;
  }
}

/** The processes of a run, and what befalls them. */
class Fleet {
  private readonly processes: SimulatedProcess[] = [];
  private readonly fate: Actor = { name: 'fate', isDead: false, frozenUntilMs: 0 };
  private started = 0;

  constructor(private readonly world: World) {}

  async begin(): Promise<void> {
    for (let nth = 0; nth < PROCESSES; nth++) this.start();
  }

  any(): SimulatedProcess | undefined {
    const accepting = this.processes.filter((process) => process.isAccepting);
    return accepting[this.world.draws.of(Math.max(1, accepting.length))];
  }

  /** Between two steps: mostly nothing, now and then a death, a sleep or a deploy. */
  meetFate(): void {
    const { draws, schedule } = this.world;
    if (!draws.oneIn(ONE_IN_FATE)) return;
    const alive = this.processes.filter(({ isDead }) => !isDead);
    const victim = alive[draws.of(Math.max(1, alive.length))];
    if (!victim) return;
    const fate = draws.of(3);
    schedule.note(`${victim.name} is ${['killed', 'frozen', 'stopped'][fate]}`);
    if (fate === 1) victim.freeze(draws.of(3 * LEASE_MS));
    else {
      if (fate === 0) victim.kill();
      else void victim.stop();
      const run = () => this.start();
      schedule.later(draws.of(2 * LEASE_MS), { actor: this.fate, what: 'a process starts', run, isSent: true });
    }
  }

  private start(): void {
    const process = new SimulatedProcess(this.world, `process${this.started++}`);
    this.processes.push(process);
    void process.begin();
  }
}
