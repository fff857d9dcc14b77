// How long after an append's answer a subscriber's handler has the event; and what waiting costs when nothing comes.
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { newEvent, newStream } from './support/events.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, percentile, rounded } from './support/statistics.mjs';

const ROUNDS = 3;
const IDLE_APPENDS = 50;
/** Whoever looks at the log again and again looks ever less often: idle is when it has been quiet. */
const IDLE_MS = 80;
const LOADED_EVENTS_PER_SECOND = 5_000;
const LOADED_SECONDS = 3;
const TICK_MS = 5;
const SUBSCRIBERS_WAITING = 100;
const WAITING_SECONDS = 5;

export async function bench(tell) {
  const server = await startServer();
  // Two logs, as in two processes: the subscriber of the other one is woken by a notification, not in memory.
  const log = new PostgresEventLog(server.connection);
  const other = new PostgresEventLog(server.connection);
  try {
    const arms = {
      idle: () => latencies(log, log, idle),
      idleOtherProcess: () => latencies(log, other, idle),
      loaded: () => latencies(log, log, loaded),
      loadedOtherProcess: () => latencies(log, other, loaded),
    };
    const results = await interleave(ROUNDS, arms, tell);
    const of = (rounds, key) => rounded(median(rounds.map((round) => round[key])));
    const shown = Object.entries(results).map(([name, rounds]) => [
      name,
      { p50Ms: of(rounds, 'p50Ms'), p99Ms: of(rounds, 'p99Ms'), eventsPerSecond: of(rounds, 'eventsPerSecond') },
    ]);
    return { ...Object.fromEntries(shown), ...(await waiting(server, log)) };
  } finally {
    await Promise.all([log.close(), other.close()]);
    await server.stop();
  }
}

/** From the append's answer to the handler; an event that the handler has before the answer counts as zero. */
async function latencies(log, subscriberLog, load) {
  const end = new AbortController();
  const handled = new Map();
  const answered = new Map();
  const reading = (async () => {
    for await (const page of subscriberLog.subscribe(await subscriberLog.head(), end.signal)) {
      const now = performance.now();
      for (const { id } of page.events) handled.set(id, now);
    }
  })();
  await sleep(100);
  const began = performance.now();
  await load(async () => {
    const event = newEvent(0);
    const { outcome } = await log.append(newStream(), 'none', [event]);
    if (outcome !== 'appended') throw new Error(outcome);
    answered.set(event.id, performance.now());
    return () => handled.has(event.id);
  });
  const seconds = (performance.now() - began) / 1_000;
  while (handled.size < answered.size) await sleep(1);
  end.abort();
  await reading;
  const delays = [...answered].map(([id, at]) => Math.max(0, handled.get(id) - at));
  return {
    p50Ms: rounded(percentile(delays, 0.5)),
    p99Ms: rounded(percentile(delays, 0.99)),
    eventsPerSecond: Math.round(answered.size / seconds),
  };
}

async function idle(append) {
  for (let nth = 0; nth < IDLE_APPENDS; nth++) {
    const arrived = await append();
    while (!arrived()) await sleep(0);
    await sleep(IDLE_MS);
  }
}

async function loaded(append) {
  const began = performance.now();
  const running = [];
  for (let sent = 0; sent < LOADED_EVENTS_PER_SECOND * LOADED_SECONDS; ) {
    const due = ((performance.now() - began) / 1_000) * LOADED_EVENTS_PER_SECOND;
    for (; sent < due; sent++) running.push(append());
    await sleep(TICK_MS);
  }
  await Promise.all(running);
}

/** Many subscribers share one poll of one process. */
async function waiting(server, log) {
  const end = new AbortController();
  const head = await log.head();
  const wait = async () => {
    for await (const _ of log.subscribe(head, end.signal));
  };
  const subscribers = Array.from({ length: SUBSCRIBERS_WAITING }, wait);
  await sleep(500);
  const read = startMeter(server);
  await sleep(WAITING_SECONDS * 1_000);
  const { seconds, nodeSeconds, postgresSeconds } = read();
  end.abort();
  await Promise.all(subscribers);
  return {
    waitingSubscribers: SUBSCRIBERS_WAITING,
    waitingNodeMillisPerSecond: rounded((nodeSeconds / seconds) * 1_000),
    waitingPostgresMillisPerSecond: rounded((postgresSeconds / seconds) * 1_000),
  };
}
