// The CPU of protecting and of revealing a delta; how many events a second the notary records and signs while it is behind, with the
// CPU for each; how fast a bag of all events is written and verified, and how much memory each takes; and how long an event waits for the checkpoint that covers it while 5,000 events are appended each second.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { NoteFiles } from '../dist/adapters/data-directory/kept-notes.js';
import { ConnectionPool } from '../dist/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../dist/adapters/postgres/postgres-checkpoints.js';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { PostgresHints } from '../dist/adapters/postgres/postgres-hints.js';
import { PostgresLeases } from '../dist/adapters/postgres/postgres-leases.js';
import { PostgresRecord } from '../dist/adapters/postgres/postgres-record.js';
import { systemClock } from '../dist/adapters/system/system-clock.js';
import { START } from '../dist/events/envelope.js';
import { NoteSigner } from '../dist/formats/record-1/note.js';
import { SigningKeys } from '../dist/formats/record-1/signing-keys.js';
import { Notary } from '../dist/notary/notary.js';
import { NOTARY } from '../dist/ports/record.js';
import { bagOfAll } from './support/bags.mjs';
import { protectionMicros } from './support/protection.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, percentile, rounded } from './support/statistics.mjs';
import { BenchConversation, EVENTS_OF_A_TURN, fillWithTurns } from './support/turns.mjs';

const ROUNDS = 3;
const CONVERSATIONS = 500;
const TURNS = 20;
const LIVE_EVENTS_PER_SECOND = 5_000;
const LIVE_SECONDS = 20;
const LOOK_MS = 10;

/** Of the kept notes. */
let folder;

export async function bench(tell) {
  folder = mkdtempSync(join(tmpdir(), 'bench-record-'));
  const protection = protectionMicros();
  tell(`protection: ${JSON.stringify(protection)}`);
  const server = await startServer();
  const log = new PostgresEventLog(server.connection);
  const pool = new ConnectionPool(server.connection, 6, 600_000);
  const hints = new PostgresHints(server.connection, pool);
  try {
    await fillWithTurns(log, { conversations: CONVERSATIONS, turnsOfEach: TURNS });
    const { events } = await log.backlog(START, 10_000_000);
    await server.query('VACUUM ANALYZE log.events');
    tell(`${events} events written`);
    const stores = { server, log, pool, hints };
    const arms = { behind: () => recordAll(stores, events) };
    await arms.behind();
    const { behind } = await interleave(ROUNDS, arms, tell);
    const of = (key) => rounded(median(behind.map((round) => round[key])));
    const bags = await bagOfAll(stores, ROUNDS, tell);
    tell(`bags: ${JSON.stringify(bags)}`);
    const live = await recordLive(stores);
    tell(`live: ${JSON.stringify(live)}`);
    return {
      ...protection,
      events,
      entries: of('entries'),
      eventsPerSecond: of('eventsPerSecond'),
      nodeMicrosPerEvent: of('nodeMicrosPerEvent'),
      postgresMicrosPerEvent: of('postgresMicrosPerEvent'),
      bags,
      live,
    };
  } finally {
    await hints.close();
    await pool.close();
    await log.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

/** The whole log, from the first event to the note of the last. */
async function recordAll({ server, log, pool, hints }, events) {
  const record = new PostgresRecord(pool);
  await new PostgresCheckpoints(pool).open(NOTARY, 0);
  await record.forget(NOTARY);
  await server.query('DELETE FROM views.record_notes');
  const head = await log.head();
  const notary = notaryOn({ log, pool, hints, record });
  const read = startMeter(server);
  notary.start();
  const checkpoints = new PostgresCheckpoints(pool);
  const isDone = async () => (await checkpoints.read(NOTARY)) >= head && (await record.unsigned()).length === 0;
  while (!(await isDone())) await systemClock.sleep(LOOK_MS);
  const { seconds, nodeSeconds, postgresSeconds } = read();
  await notary.stop();
  const { rows } = await server.query('SELECT count(*)::int AS entries FROM views.record_entries');
  return {
    entries: rows[0].entries,
    eventsPerSecond: Math.round(events / seconds),
    nodeMicrosPerEvent: rounded((nodeSeconds / events) * 1e6, 1),
    postgresMicrosPerEvent: rounded((postgresSeconds / events) * 1e6, 1),
  };
}

/** Turns at a fixed rate, each in a conversation of its own. An entry waits from the answer of its append to its note. */
async function recordLive({ log, pool, hints }) {
  const record = new PostgresRecord(pool);
  const appendedAt = new Map();
  const waiting = new Map();
  const waits = [];
  const notesAt = [];
  const writes = [];
  const timed = async (write) => {
    const began = performance.now();
    const isWritten = await write();
    writes.push(performance.now() - began);
    return isWritten;
  };
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const watched = Object.create(record);
  watched.write = async (writer, step) => {
    const isWritten = await timed(() => record.write(writer, step));
    for (const { index, event } of step.entries) waiting.set(event, index);
    return isWritten;
  };
  watched.publish = async (writer, signed, keptSince) => {
    const isPublished = await timed(() => record.publish(writer, signed, keptSince));
    const now = performance.now();
    for (const { size } of signed.notes) {
      notesAt.push(now);
      for (const [event, index] of waiting) {
        if (index >= size || !appendedAt.has(event)) continue;
        waits.push(now - appendedAt.get(event));
        waiting.delete(event);
      }
    }
    return isPublished;
  };
  const notary = notaryOn({ log, pool, hints, record: watched });
  notary.start();
  const append = async ({ stream, events }, expected) => {
    const { outcome, revision } = await log.append(stream, expected, events);
    if (outcome !== 'appended') throw new Error(outcome);
    const now = performance.now();
    for (const { id } of events) appendedAt.set(id, now);
    return revision;
  };
  const turn = async () => {
    const chat = new BenchConversation();
    const revision = await append(chat.started(), 'none');
    const [asked, tape, end] = chat.turn();
    const last = await append(asked, revision);
    await append(tape, 'none');
    await append(end, last);
  };
  const began = performance.now();
  const turns = [];
  const everyMs = ((EVENTS_OF_A_TURN + 1) / LIVE_EVENTS_PER_SECOND) * 1_000;
  const count = Math.round((LIVE_SECONDS * 1_000) / everyMs);
  while (turns.length < count) {
    const due = Math.min(count, Math.floor((performance.now() - began) / everyMs));
    while (turns.length < due) turns.push(turn());
    await systemClock.sleep(2);
  }
  await Promise.all(turns);
  const seconds = (performance.now() - began) / 1_000;
  const entries = count * 6;
  while (waits.length < entries) await systemClock.sleep(LOOK_MS);
  await notary.stop();
  const between = notesAt.slice(1).map((at, nth) => at - notesAt[nth]);
  return {
    eventsPerSecond: Math.round((count * (EVENTS_OF_A_TURN + 1)) / seconds),
    entryToCheckpointMs: { p50: Math.round(median(waits)), p99: Math.round(percentile(waits, 0.99)) },
    betweenCheckpointsMsMax: Math.round(Math.max(...between)),
    // What of it is the database's, and what is the one process of this benchmark, which also makes and appends the events.
    writeMsMax: Math.round(Math.max(...writes)),
    loopDelayMsMax: Math.round(delays.max / 1e6),
  };
}

function notaryOn({ log, pool, hints, record }) {
  return new Notary({
    log,
    checkpoints: new PostgresCheckpoints(pool),
    leases: new PostgresLeases(pool),
    hints,
    clock: systemClock,
    health: {
      failed: (part, error) => {
        throw new Error(`${part} failed`, { cause: error });
      },
      recovered: () => {},
    },
    holder: `bench ${performance.now()}`,
    leaseMs: 15_000,
    store: record,
    // The benchmark measures the database and the work of Node: notes outside it are one small file for each tenant.
    // A folder of its own, so that no note of another round is continued. Its flushes are part of what is measured.
    kept: new NoteFiles(mkdtempSync(join(folder, 'notary-'))),
    keys: async () => new SigningKeys(new NoteSigner(Buffer.alloc(32, 1))),
    incarnation: 'bench',
    meter: { entriesRecorded: () => {} },
    warn: (facts, message) => process.stderr.write(`${message} ${JSON.stringify(facts)}\n`),
  });
}
