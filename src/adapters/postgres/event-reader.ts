import type pg from 'pg';
import { type Position, type RecordedEvent, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { Continuity } from '../../ports/continuity.js';
import { LogUnavailable, RetryableError } from '../../ports/errors.js';
import type {
  AllStreamsFilter,
  Backlog,
  CommandPlace,
  LogGap,
  Page,
  ReadStreamOptions,
} from '../../ports/event-log.js';
import { passes } from '../../ports/log-rules.js';
import { ConnectionPool } from './connection-pool.js';
import { gapAfter } from './gap.js';
import { breakOffAt, holdsEvent, requireSameLog } from './held-event.js';
import { missingPositions, type PageOfStream, requireGapless } from './missing-events.js';
import { bigintOf, positionOf } from './position.js';

const COLUMNS = 'position, stream, revision, id, type, schema, tenant, at, data, meta';

/** Takes rows in order until their texts fill a page, at least one. Only their texts are read, which are stored apart. */
const pageOf = (where: string, key: string, order: 'ASC' | 'DESC' = 'ASC') => `
  SELECT ${COLUMNS}, bytes FROM log.events
  WHERE ${where} AND ${key} ${order === 'ASC' ? '<=' : '>='} (
    SELECT ${order === 'ASC' ? 'max' : 'min'}(${key}) FROM (
      SELECT ${key}, bytes, sum(bytes) OVER (ORDER BY ${key} ${order} ROWS UNBOUNDED PRECEDING) AS upto
      FROM (SELECT ${key}, bytes FROM log.events WHERE ${where} ORDER BY ${key} ${order} LIMIT $1) w
    ) s WHERE upto - bytes < $2
  ) ORDER BY ${key} ${order}`;

const WINDOW = 'position > $3 AND position <= $4';
const filtered = (categories: string, withoutTypes: string) => `
  (${categories}::text[] IS NULL OR split_part(stream, '-', 1) = ANY(${categories}))
  AND (${withoutTypes}::text[] IS NULL OR type <> ALL(${withoutTypes}))`;

const IN_STREAM = 'stream = $3 AND position BETWEEN $5 AND $6';

const queries = {
  all: pageOf(WINDOW, 'position'),
  // The last event of the window is included even if the filter drops it: the position names its id.
  filtered: pageOf(`${WINDOW} AND (position = $4 OR ${filtered('$5', '$6')})`, 'position'),
  forwards: pageOf(`${IN_STREAM} AND revision >= $4`, 'revision'),
  backwards: pageOf(`${IN_STREAM} AND revision <= $4`, 'revision', 'DESC'),
  extent: 'SELECT revision, first, last FROM log.streams WHERE stream = $1',
  head: 'SELECT position, id FROM log.events ORDER BY position DESC LIMIT 1',
  command: 'SELECT stream, revision FROM log.command_ids WHERE command = $1',
  extend: 'SELECT log.extend()',
  identity: 'SELECT identity FROM log.identity',
  backlog: `
    WITH later AS (
      SELECT position, at, ${filtered('$3', '$4')} AS passes FROM log.events
      WHERE position > $2 ORDER BY position LIMIT $1
    ) SELECT
      (SELECT count(*) FROM later WHERE passes),
      (SELECT at FROM later WHERE passes ORDER BY position LIMIT 1),
      (SELECT at FROM later ORDER BY position LIMIT 1),
      (SELECT max(position) FROM log.events WHERE position > $2)`,
};

/**
 * Not prepared: a planner that knows the positions locks only their partitions. The generic plan of a prepared statement
 * locks every partition, and many readers would use up the locks of the server.
 */
const PLANNED_ANEW: ReadonlySet<keyof typeof queries> = new Set([
  'all',
  'filtered',
  'forwards',
  'backwards',
  'backlog',
]);

type EventRow = [
  position: string,
  stream: string,
  revision: string,
  id: string,
  type: string,
  schema: string,
  tenant: string,
  at: string,
  data: string,
  meta: string,
  bytes: string,
];

type PositionedEvent = RecordedEvent & { readonly position: Position };

type Extent = [revision: string, first: string, last: string];

type BacklogRow = [events: string, oldestAt: string | null, laterAt: string | null, head: string | null];

/** Values are the texts of the server, because the codec parses them later. */
const asText = { getTypeParser: () => (value: string) => value };

type Direction = NonNullable<ReadStreamOptions['direction']>;

/** One connection or any of several. Throws RetryableError when the server is away. */
interface Queryable {
  query<Row extends unknown[]>(query: pg.QueryArrayConfig): Promise<Row[]>;
}

/** The queries of all reads. They use a small pool unless a connection is given. */
export class EventReader {
  private readonly pool: ConnectionPool;

  constructor(
    config: pg.ClientConfig,
    private readonly continuity: Continuity,
  ) {
    this.pool = new ConnectionPool(config, limits.readConnectionsMax, limits.readAnswerMs, (client) =>
      requireSameLog(continuity, askOn(client)),
    );
  }

  /** The next events after a position, none of them after `upTo`, which must be known to be committed. */
  async allAfter(after: Position, upTo: Position, filter?: AllStreamsFilter): Promise<Page> {
    const end = smaller(windowAfter(after), bigintOf(upTo));
    const rows = await this.window(this.pool, after, end, filter);
    requireNoneMissing(rows, after, end, filter !== undefined);
    const events = rows.map(positionedEventOf);
    const position = events.at(-1)?.position ?? upTo;
    return { events: filter ? events.filter((event) => passes(event, filter)) : events, position };
  }

  /** The events after a position. Commits become visible in the order of positions, so none is missing in between. */
  async next(after: Position, connection: Queryable): Promise<Page & { readonly isAll: boolean }> {
    const rows = await this.window(connection, after, windowAfter(after));
    const events = rows.map(positionedEventOf);
    return { events, position: events.at(-1)?.position ?? after, isAll: isAllOf(rows) };
  }

  /** `isAll`: the stream had no further event in this direction. */
  async ofStream(stream: string, direction: Direction, from: number, eventsMax: number): Promise<PageOfStream> {
    const [extent] = await this.query<Extent>('extent', [stream]);
    const last = Number(extent?.[0] ?? -1);
    if (extent === undefined || (direction === 'forwards' && from > last)) return { events: [], isAll: true };
    const values = [eventsMax, limits.readPageBytesMax, stream, from, extent[1], extent[2]];
    const rows = await this.query<EventRow>(direction, values);
    this.seeLast(rows);
    const page = { events: rows.map(eventOf), isAll: isAllOf(rows, eventsMax) };
    requireGapless(stream, direction, Math.min(from, last), page);
    return page;
  }

  gapAfter(position: Position): Promise<LogGap | undefined> {
    return gapAfter(position, {
      read: async (after) => (await this.window(this.pool, after, windowAfter(after))).map(positionedEventOf),
      ask: (text, values) => this.ask(text, values),
    });
  }

  async head(asked: Queryable = this.pool): Promise<Position> {
    const [row] = await this.query<[string, string]>('head', [], asked);
    const head = row === undefined ? START : positionOf(row[0], row[1]);
    // Commits of this process may be newer than the read head. They are in the log.
    const { newest } = this.continuity;
    if (head < newest && !(await holdsEvent(newest, (text, values) => this.ask(text, values, undefined, asked)))) {
      throw breakOffAt(newest, this.continuity);
    }
    this.continuity.see(head);
    return head;
  }

  holds(position: Position): Promise<boolean> {
    return holdsEvent(position, (text, values) => this.ask(text, values));
  }

  async backlog(after: Position, countMax: number, filter?: AllStreamsFilter): Promise<Backlog> {
    const values = [countMax, bigintOf(after), ...valuesOf(filter)];
    const [row] = await this.query<BacklogRow>('backlog', values);
    const [events, oldestAt, laterAt, head] = row as BacklogRow;
    const distance = head === null ? 0 : Number(BigInt(head) - bigintOf(after));
    const isWhole = distance <= countMax;
    const at = oldestAt ?? (isWhole ? null : laterAt);
    return {
      events: Number(events),
      distance,
      oldestAt: at === null ? undefined : isoOf(at),
      estimated: !isWhole,
    };
  }

  async command(command: string): Promise<CommandPlace | undefined> {
    const [row] = await this.query<[string, string]>('command', [command]);
    return row && { stream: row[0], revision: Number(row[1]) };
  }

  /** Creates missing partitions. Returns the position from which it has to be called again. */
  async extend(): Promise<bigint> {
    const [[from] = ['0']] = await this.query<[string]>('extend', []);
    return BigInt(from);
  }

  async identity(): Promise<string> {
    const [[identity] = ['']] = await this.query<[string]>('identity', []);
    return identity;
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async window(asked: Queryable, after: Position, end: bigint, filter?: AllStreamsFilter): Promise<EventRow[]> {
    const { readPageEventsMax: rowsMax, readPageBytesMax: bytesMax } = limits;
    const values: unknown[] = [rowsMax, bytesMax, bigintOf(after), end];
    if (filter) values.push(...valuesOf(filter));
    const rows = await this.query<EventRow>(filter ? 'filtered' : 'all', values, asked);
    this.seeLast(rows);
    return rows;
  }

  private seeLast(rows: readonly EventRow[]): void {
    for (const row of [rows[0], rows.at(-1)]) if (row) this.continuity.see(positionOf(row[0], row[3]));
  }

  private async query<Row extends unknown[]>(
    name: keyof typeof queries,
    values: unknown[],
    asked: Queryable = this.pool,
  ): Promise<Row[]> {
    return this.ask<Row>(queries[name], values, PLANNED_ANEW.has(name) ? undefined : name, asked);
  }

  private async ask<Row extends unknown[]>(
    text: string,
    values: unknown[],
    name?: string,
    asked: Queryable = this.pool,
  ): Promise<Row[]> {
    this.continuity.require();
    try {
      return await asked.query<Row>({ ...(name && { name }), text, values, rowMode: 'array', types: asText });
    } catch (error) {
      if (error instanceof RetryableError)
        throw new LogUnavailable('the event log cannot be read now', { cause: error });
      throw error;
    }
  }
}

/** Runs queries on a new connection before it is used. */
export const askOn =
  (client: pg.ClientBase) =>
  async (text: string, values: unknown[]): Promise<unknown[][]> =>
    (await client.query({ text, values, rowMode: 'array' })).rows;

const windowAfter = (position: Position): bigint => bigintOf(position) + BigInt(limits.readPageEventsMax);

const smaller = (one: bigint, other: bigint): bigint => (one < other ? one : other);

/** An unfiltered window has every position. A filtered one has at least the last. */
function requireNoneMissing(rows: readonly EventRow[], after: Position, end: bigint, isFiltered: boolean): void {
  const before = bigintOf(after);
  if (end <= before) return;
  const last = BigInt(rows.at(-1)?.[0] ?? before);
  const isWhole = (isFiltered || last === before + BigInt(rows.length)) && (last === end || !isAllOf(rows));
  if (!isWhole) throw missingPositions(before, end);
}

const isAllOf = (rows: readonly EventRow[], eventsMax: number = limits.readPageEventsMax): boolean =>
  rows.length < eventsMax && !isFilled(rows);

const isFilled = (rows: readonly EventRow[]): boolean =>
  rows.reduce((sum, row) => sum + Number(row[10]), 0) >= limits.readPageBytesMax;

const valuesOf = ({ categories, withoutTypes }: AllStreamsFilter = {}) => [categories ?? null, withoutTypes ?? null];

function eventOf(row: EventRow): RecordedEvent {
  const [, stream, revision, id, type, schema, tenant, at, data, meta] = row;
  return { id, type, schema: Number(schema), tenant, at: isoOf(at), data, meta, stream, revision: Number(revision) };
}

function positionedEventOf(row: EventRow): PositionedEvent {
  const { id, type, schema, tenant, at, data, meta, stream, revision } = eventOf(row);
  return { id, type, schema, tenant, at, data, meta, stream, revision, position: positionOf(row[0], row[3]) };
}

/** `2026-01-02 03:04:05.6+00`, as the server writes it in UTC, to `2026-01-02T03:04:05.600Z`. */
function isoOf(text: string): string {
  const milliseconds = text.slice(20, -3).padEnd(3, '0');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${milliseconds}Z`;
}
