import type pg from 'pg';
import { type Position, type RecordedEvent, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { LogUnavailable, RetryableError } from '../../ports/errors.js';
import type { AllStreamsFilter, Backlog, Page } from '../../ports/event-log.js';
import { ConnectionPool } from './connection-pool.js';
import { bigintOf, positionOf } from './position.js';

const COLUMNS = 'position, stream, revision, id, type, schema, tenant, at, data, meta';
const SIZE = 'octet_length(data::text) + octet_length(meta::text)';

/** Rows in order until their texts fill a page; at least one. */
const filledPage = (direction: 'ASC' | 'DESC', key: string, where: string) => `
  SELECT ${COLUMNS}, upto FROM (
    SELECT *, ${SIZE} AS size, sum(${SIZE}) OVER (ORDER BY ${key} ${direction} ROWS UNBOUNDED PRECEDING) AS upto
    FROM (SELECT * FROM log.events WHERE ${where} ORDER BY ${key} ${direction} LIMIT $1) w
  ) s WHERE upto - size < $2 ORDER BY ${key} ${direction}`;

/** All rows of a window when together they fit a page, and none when not: half the cost of cutting it to size. */
const wholeWindow = (where: string) => `
  SELECT ${COLUMNS} FROM log.events
  WHERE ${where} AND (SELECT sum(${SIZE}) FROM log.events WHERE ${where}) < $2
  ORDER BY position LIMIT $1`;

const WINDOW = 'position > $3 AND position <= $4';
const WINDOW_OF_CATEGORIES = `${WINDOW} AND split_part(stream, '-', 1) = ANY($5)`;

const queries = {
  all: wholeWindow(WINDOW),
  allCut: filledPage('ASC', 'position', WINDOW),
  ofCategories: wholeWindow(WINDOW_OF_CATEGORIES),
  ofCategoriesCut: filledPage('ASC', 'position', WINDOW_OF_CATEGORIES),
  forwards: filledPage('ASC', 'revision', 'stream = $3 AND revision >= $4'),
  backwards: filledPage('DESC', 'revision', 'stream = $3 AND revision <= $4'),
  head: 'SELECT position FROM log.head',
  backlog: `
    WITH waiting AS (
      SELECT position, at FROM log.events
      WHERE position > $2 AND ($3::text[] IS NULL OR split_part(stream, '-', 1) = ANY($3))
      ORDER BY position LIMIT $1
    ) SELECT (SELECT count(*) FROM waiting), (SELECT at FROM waiting ORDER BY position LIMIT 1)`,
};

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
  /** Only of a page that is cut to size. */
  upto?: string,
];

/** Values come as the text that the server sends: nothing is parsed that the codec will parse anyway. */
const asText = { getTypeParser: () => (value: string) => value };

/** The queries behind every read, on a small pool. */
export class EventReader {
  private readonly pool: ConnectionPool;

  constructor(config: pg.ClientConfig) {
    this.pool = new ConnectionPool(config, limits.readConnectionsMax, limits.readAnswerMs);
  }

  /** The next events after a position, none of them after `upTo`, which must be known to be committed. */
  async allAfter(after: Position, upTo: Position, filter?: AllStreamsFilter): Promise<Page> {
    const { readPageEventsMax: rowsMax, readPageBytesMax: bytesMax } = limits;
    const window = bigintOf(after) + BigInt(rowsMax);
    const end = window < bigintOf(upTo) ? window : bigintOf(upTo);
    const values: unknown[] = [rowsMax, bytesMax, bigintOf(after), end];
    if (filter?.categories) values.push(filter.categories);
    const query = filter?.categories ? 'ofCategories' : 'all';
    const whole = await this.query<EventRow>(query, values);
    if (whole.length > 0) return { events: whole.map(positionedEventOf), position: positionOf(String(end)) };
    const rows = await this.query<EventRow>(`${query}Cut`, values);
    const last = rows.at(-1);
    const cutShort = last !== undefined && Number(last[10]) >= bytesMax;
    return {
      events: rows.map(positionedEventOf),
      position: cutShort ? positionOf(last[0]) : positionOf(String(end)),
    };
  }

  async ofStream(
    stream: string,
    direction: 'forwards' | 'backwards',
    from: number,
    eventsMax: number,
  ): Promise<RecordedEvent[]> {
    const rows = await this.query<EventRow>(direction, [eventsMax, limits.readPageBytesMax, stream, from]);
    return rows.map(eventOf);
  }

  async head(): Promise<Position> {
    const [row] = await this.query<[string]>('head', []);
    return row === undefined ? START : positionOf(row[0]);
  }

  async backlog(after: Position, countMax: number, filter?: AllStreamsFilter): Promise<Backlog> {
    const values = [countMax, bigintOf(after), filter?.categories ?? null];
    const [row] = await this.query<[string, string | null]>('backlog', values);
    return { events: Number(row?.[0]), oldestAt: row?.[1] ? isoOf(row[1]) : undefined };
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async query<Row extends unknown[]>(name: keyof typeof queries, values: unknown[]): Promise<Row[]> {
    try {
      return await this.pool.query<Row>({ name, text: queries[name], values, rowMode: 'array', types: asText });
    } catch (error) {
      if (error instanceof RetryableError)
        throw new LogUnavailable('the event log cannot be read now', { cause: error });
      throw error;
    }
  }
}

function eventOf(row: EventRow): RecordedEvent {
  const [, stream, revision, id, type, schema, tenant, at, data, meta] = row;
  return { id, type, schema: Number(schema), tenant, at: isoOf(at), data, meta, stream, revision: Number(revision) };
}

function positionedEventOf(row: EventRow): RecordedEvent {
  const { id, type, schema, tenant, at, data, meta, stream, revision } = eventOf(row);
  return { id, type, schema, tenant, at, data, meta, stream, revision, position: positionOf(row[0]) };
}

/** `2026-01-02 03:04:05.6+00`, as the server writes it in UTC, to `2026-01-02T03:04:05.600Z`. */
function isoOf(text: string): string {
  const milliseconds = text.slice(20, -3).padEnd(3, '0');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${milliseconds}Z`;
}
