import { Conditions } from '../../adapters/postgres/views/conditions.js';
import type { ViewReader } from '../../adapters/postgres/views/view-reader.js';
import { wordsWithin } from '../../adapters/postgres/views/words.js';
import type { RunQueries, RunsAsked } from './query.js';
import type { RunRow } from './rows.js';

export class PostgresRuns implements RunQueries {
  constructor(private readonly views: ViewReader) {}

  list({ scope, words, before, rowsMax, ...filters }: RunsAsked): Promise<RunRow[]> {
    const asked = new Conditions()
      .within(scope)
      .where('conversation = ?', filters.conversation)
      .where('owner = ?', filters.user)
      .where('model = ?', filters.model)
      .where('status = ?', filters.status)
      .where('requested_at >= ?', filters.from)
      .where('requested_at < ?', filters.to)
      .before('requested_at', before);
    if (words !== undefined) {
      const said = `SELECT node FROM views.said WHERE ${wordsWithin(scope, 'terms', asked)}`;
      // Two joins and not one condition with OR: each can use an index.
      asked.where(
        `key IN (
          SELECT r.key FROM views.runs r WHERE r.key IN (${said})
          UNION ALL SELECT r.key FROM views.runs r WHERE r.message IN (${said}))`,
        words,
      );
    }
    const order = `AND requested_at IS NOT NULL ORDER BY requested_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    return this.views.rows('runs', `SELECT doc::text FROM views.runs WHERE ${asked} ${order}`, asked, words);
  }
}
