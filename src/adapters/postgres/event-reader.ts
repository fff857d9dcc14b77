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

const queries = {
  all: filledPage('ASC', 'position', 'position > $3 AND position <= $4'),
  allOfCategories: filledPage(
    'ASC',
    'position',
    `position > $3 AND position <= $4 AND split_part(stream, '-', 1) = ANY($5)`,
  ),
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
  upto: string,
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
    const rows = filter?.categories
      ? await this.rows('allOfCategories', [...values, filter.categories])
      : await this.rows('all', values);
    const last = rows.at(-1);
    const cutShort = last !== undefined && Number(last[10]) >= bytesMax;
    return {
      events: rows.map((row) => ({ ...eventOf(row), position: positionOf(row[0]) })),
      position: cutShort ? positionOf(last[0]) : positionOf(String(end)),
    };
  }

  async ofStream(
    stream: string,
    direction: 'forwards' | 'backwards',
    from: number,
    eventsMax: number,
  ): Promise<RecordedEvent[]> {
    const rows = await this.rows(direction, [eventsMax, limits.readPageBytesMax, stream, from]);
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

  private rows(name: keyof typeof queries, values: unknown[]): Promise<EventRow[]> {
    return this.query<EventRow>(name, values);
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
  return {
    id: row[3],
    type: row[4],
    schema: Number(row[5]),
    tenant: row[6],
    at: isoOf(row[7]),
    data: row[8],
    meta: row[9],
    stream: row[1],
    revision: Number(row[2]),
  };
}

/** `2026-01-02 03:04:05.6+00`, as the server writes it in UTC, to `2026-01-02T03:04:05.600Z`. */
function isoOf(text: string): string {
  const milliseconds = text.slice(20, -3).padEnd(3, '0');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${milliseconds}Z`;
}
