import { Conditions } from '../../adapters/postgres/views/conditions.js';
import type { ViewReader } from '../../adapters/postgres/views/view-reader.js';
import type { AccessAsked, AccessQueries } from './query.js';
import type { LookRow } from './rows.js';

export class PostgresAccess implements AccessQueries {
  constructor(private readonly views: ViewReader) {}

  list({ tenant, actor, owner, object, from, to, before, rowsMax }: AccessAsked): Promise<LookRow[]> {
    const asked = new Conditions()
      .within({ tenant })
      .where('actor = ?', actor)
      .where('owner = ?', owner)
      .where('at >= ?', from)
      .where('at < ?', to)
      .before('at', before);
    const page = `ORDER BY at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    if (object === undefined) {
      return this.views.rows('access', `SELECT doc::text FROM views.looks WHERE ${asked} ${page}`, asked);
    }
    const id = asked.value(object);
    // A page of each, and not one condition with OR: each is read in the order of its index.
    const of = (column: string) => `(SELECT key FROM views.looks WHERE ${asked} AND ${column} = ${id} ${page})`;
    const found = `${of('object')} UNION ALL ${of('whole')}`;
    return this.views.rows('access', `SELECT doc::text FROM views.looks WHERE key IN (${found}) ${page}`, asked);
  }
}
