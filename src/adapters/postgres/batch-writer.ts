import pg from 'pg';
import { RetryableError } from '../../ports/errors.js';
import type { AppendOutcome, ExpectedRevision } from '../../ports/event-log.js';
import { textBytes } from '../../ports/log-rules.js';
import type { Append } from '../event-log/queue-room.js';
import { integerArray, jsonArray, textArray, timestampArray, uuidArray } from './binary-arrays.js';
import type { DedicatedConnection } from './dedicated-connection.js';
import type { BatchWriter } from './group-commit.js';
import type { Partitions } from './partitions.js';
import { positionOf } from './position.js';
import type { OwnAppend, OwnCommits } from './recent-events.js';

const APPEND = `SELECT append, verdict, stream, revision, position FROM log.append(
  $1::bigint, $2::text[], $3::text[], $4::integer[], $5::integer[], $6::uuid[], $7::integer[], $8::integer[],
  $9::uuid[], $10::text[], $11::integer[], $12::text[], $13::timestamptz[], $14::json[], $15::json[], $16::integer[])`;

type Verdict = 'all' | Exclude<AppendOutcome['outcome'], 'unavailable'>;
type VerdictRow = [append: number, verdict: Verdict, stream: string, revision: number, position: string];

/** PostgreSQL's code for a row without a partition. */
const CHECK_VIOLATION = '23514';

/** Commits a batch with one call of log.append, on its own connection. */
export class PostgresBatchWriter implements BatchWriter {
  constructor(
    private readonly connection: DedicatedConnection,
    private readonly commits: OwnCommits,
    private readonly partitions: Pick<Partitions, 'make'>,
  ) {}

  async write(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
    const sent = this.commits.sent();
    try {
      const outcomes = await this.commit(appends);
      this.commits.answered(sent, committedOf(appends, outcomes));
      return outcomes;
    } catch (error) {
      this.commits.answered(sent);
      throw error;
    }
  }

  private async commit(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
    const rows = await this.connection
      .query<VerdictRow>({
        name: 'append',
        text: APPEND,
        rowMode: 'array',
        values: [String(this.commits.newest), ...columns(appends)],
      })
      .catch((error) => this.withoutPartition(error));
    return rows[0]?.[1] === 'all' ? allAppended(appends, BigInt(rows[0][4])) : judged(appends, rows);
  }

  private withoutPartition(error: unknown): never {
    if (!(error instanceof pg.DatabaseError && error.code === CHECK_VIOLATION)) throw error;
    this.partitions.make();
    throw new RetryableError('the log has no partition yet for these events', { cause: error });
  }
}

function committedOf(appends: readonly Append[], outcomes: readonly AppendOutcome[]): OwnAppend[] {
  return outcomes.flatMap((outcome, nth) =>
    'position' in outcome ? [{ append: appends[nth] as Append, outcome }] : [],
  );
}

function columns(appends: readonly Append[]): unknown[] {
  const events = appends.flatMap((append) => append.events);
  return [
    textArray(appends.map(({ stream }) => stream)),
    textArray(appends.map((append) => append.events[0]?.tenant ?? '')),
    integerArray(appends.map(({ expected }) => lastRevision(expected))),
    integerArray(appends.map((append) => append.events.length)),
    uuidArray(appends.map(({ command }) => command ?? null)),
    integerArray(appends.flatMap((append, nth) => append.events.map(() => nth + 1))),
    integerArray(appends.flatMap((append) => append.events.map((_, nth) => nth + 1))),
    uuidArray(events.map(({ id }) => id)),
    textArray(events.map(({ type }) => type)),
    integerArray(events.map(({ schema }) => schema)),
    textArray(events.map(({ tenant }) => tenant)),
    timestampArray(events.map(({ at }) => at)),
    jsonArray(events.map(({ data }) => data)),
    jsonArray(events.map(({ meta }) => meta)),
    integerArray(events.map(textBytes)),
  ];
}

const lastRevision = (expected: ExpectedRevision): number => (expected === 'none' ? -1 : expected);

function allAppended(appends: readonly Append[], base: bigint): AppendOutcome[] {
  let position = base;
  return appends.map(({ expected, events }) => {
    position += BigInt(events.length);
    const revision = lastRevision(expected) + events.length;
    return { outcome: 'appended', revision, position: positionOf(String(position), events.at(-1)?.id) };
  });
}

function judged(appends: readonly Append[], rows: readonly VerdictRow[]): AppendOutcome[] {
  const byAppend = new Map(rows.map((row) => [row[0], row]));
  return appends.map(({ events }, index) => {
    const [, verdict, stream, revision, position] = byAppend.get(index + 1) as VerdictRow;
    switch (verdict) {
      case 'appended':
      case 'already-there':
        return { outcome: verdict, revision, position: positionOf(position, events.at(-1)?.id) };
      case 'command-known':
        return { outcome: verdict, stream, revision };
      case 'conflict':
        return { outcome: verdict, revision: revision < 0 ? 'none' : revision };
      default:
        throw new Error(`log.append answered ${verdict}`);
    }
  });
}
