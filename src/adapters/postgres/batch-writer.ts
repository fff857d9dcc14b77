import { textBytes } from '../../ports/append-rules.js';
import type { AppendOutcome, ExpectedRevision } from '../../ports/event-log.js';
import { integerArray, jsonArray, textArray, timestampArray, uuidArray } from './binary-arrays.js';
import type { DedicatedConnection } from './dedicated-connection.js';
import type { Append, BatchWriter } from './group-commit.js';
import type { OwnAppend, OwnCommits } from './own-commits.js';
import { positionOf } from './position.js';

const APPEND = `SELECT append, verdict, revision, position FROM log.append(
  $1::boolean, $2::text[], $3::integer[], $4::integer[], $5::text[], $6::integer[],
  $7::uuid[], $8::text[], $9::integer[], $10::text[], $11::timestamptz[], $12::json[], $13::json[], $14::integer[])`;

type VerdictRow = [append: number, verdict: 'all' | AppendOutcome['outcome'], revision: number, position: string];

/** Commits a batch with one call of log.append, on a connection of its own. */
export class PostgresBatchWriter implements BatchWriter {
  constructor(
    private readonly connection: DedicatedConnection,
    private readonly commits: OwnCommits,
  ) {}

  async write(appends: readonly Append[], retried: boolean): Promise<readonly AppendOutcome[]> {
    const sent = this.commits.sent();
    try {
      const outcomes = await this.commit(appends, !retried && appends.every(({ expected }) => expected !== 'any'));
      this.commits.answered(sent, standingOf(appends, outcomes));
      return outcomes;
    } catch (error) {
      this.commits.answered(sent);
      throw error;
    }
  }

  private async commit(appends: readonly Append[], optimistic: boolean): Promise<readonly AppendOutcome[]> {
    const rows = await this.connection.query<VerdictRow>({
      name: 'append',
      text: APPEND,
      rowMode: 'array',
      values: [optimistic, ...columns(appends)],
    });
    return rows[0]?.[1] === 'all' ? allAppended(appends, BigInt(rows[0][3])) : judged(appends, rows);
  }
}

function standingOf(appends: readonly Append[], outcomes: readonly AppendOutcome[]): OwnAppend[] {
  return outcomes.flatMap((outcome, nth) =>
    'position' in outcome ? [{ append: appends[nth] as Append, outcome }] : [],
  );
}

function columns(appends: readonly Append[]): unknown[] {
  const events = appends.flatMap((append) => append.events);
  return [
    textArray(appends.map(({ stream }) => stream)),
    integerArray(appends.map(({ expected }) => (expected === 'any' ? null : lastRevision(expected)))),
    integerArray(appends.map((append) => append.events.length)),
    textArray(appends.flatMap((append) => append.events.map(() => append.stream))),
    integerArray(
      appends.flatMap((append) => append.events.map((_, index) => lastRevision(append.expected) + 1 + index)),
    ),
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

/** The revision before the first one appended; for `any` the database finds it, and this is not used. */
function lastRevision(expected: ExpectedRevision): number {
  return typeof expected === 'number' ? expected : -1;
}

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
    const [, verdict, revision, position] = byAppend.get(index + 1) as VerdictRow;
    switch (verdict) {
      case 'appended':
      case 'already-there':
        return { outcome: verdict, revision, position: positionOf(position, events.at(-1)?.id) };
      case 'conflict':
        return { outcome: verdict, revision: revision < 0 ? 'none' : revision };
      default:
        throw new Error(`log.append answered ${verdict}`);
    }
  });
}
