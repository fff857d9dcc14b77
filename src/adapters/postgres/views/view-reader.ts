import type { Covered, CoveringList } from '../../../ports/read-models/questions.js';
import { SearchUnbounded } from '../../../ports/read-models/read-models.js';
import type { ConnectionPool } from '../connection-pool.js';
import type { Conditions } from './conditions.js';
import { unlessUnreadable } from './lost.js';
import { IS_UNBOUNDED } from './words.js';

/** Runs the queries of read models, through the SQL views that show the live builds. */
export class ViewReader {
  constructor(
    private readonly pool: ConnectionPool,
    /** A pool with few connections and a statement timeout, so that slow searches delay only searches. */
    private readonly searchPool = pool,
  ) {}

  ask<Row extends unknown[]>(projection: string, text: string, values: unknown[], pool = this.pool): Promise<Row[]> {
    return unlessUnreadable(projection, pool.query<Row>({ text, values, rowMode: 'array' }));
  }

  /** Runs a statement that selects one column: a JSON document as text. */
  async rows<Row>(projection: string, text: string, { values }: Conditions, words?: string): Promise<Row[]> {
    if (words !== undefined) await this.requireBounded(projection, words);
    const pool = words === undefined ? this.pool : this.searchPool;
    return (await this.ask<[string]>(projection, text, values, pool)).map(([document]) => JSON.parse(document));
  }

  async covered({ name, coverage }: CoveringList, conversations: readonly string[]): Promise<Map<string, Covered>> {
    const claimed = coverage.columns.some((column) => column.name === 'claimed') ? 'claimed' : 'true';
    const text = `SELECT key, seen, ${claimed} FROM views.${coverage.name} WHERE key = ANY($1)`;
    const rows = await this.ask<[string, number, boolean]>(name, text, [conversations]);
    return new Map(rows.map(([key, seen, isClaimed]) => [key, { seen, isClaimed }]));
  }

  private async requireBounded(projection: string, words: string): Promise<void> {
    const [row] = await this.ask<[boolean]>(projection, IS_UNBOUNDED, [words], this.searchPool);
    if (row?.[0]) throw new SearchUnbounded('a search needs at least one word that is not excluded');
  }
}
