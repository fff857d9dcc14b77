import { SearchUnbounded } from '../../../ports/read-models/read-models.js';
import type { ConversationRow, HeadRow, NodeRow, RunRow, SystemTextRow } from '../../../ports/read-models/rows.js';
import type {
  ConversationsAsked,
  Covered,
  CoveringList,
  RunsAsked,
  Scope,
  Tree,
  TreeAsked,
  UsageAsked,
  UsageSums,
  Views,
} from '../../../ports/read-models/views.js';
import type { ConnectionPool } from '../connection-pool.js';
import { INDEXED_WORD_BYTES_MAX, prefixOf } from './columns.js';
import { Conditions } from './conditions.js';
import { unlessUnreadable } from './lost.js';
import { TREE, type TreeRow } from './tree-query.js';

/** As people write into a search box: nothing that they may write is a mistake. */
const QUERY = `websearch_to_tsquery('simple', ?)`;

/** No index can answer what asks for the absence of words alone: every text would be read. */
const IS_UNBOUNDED = `SELECT numnode(query) > 0 AND querytree(query) = 'T' FROM ${QUERY.replace('?', '$1')} query`;

/**
 * Each word of the query as it is indexed for those who may see the text. A word that is too long for the index becomes
 * the prefix alone, which is no indexed word: nothing is found, and PostgreSQL does not refuse the query.
 */
const isSaid = (prefix: string): string => `terms @@ (
  SELECT coalesce(string_agg(coalesce(part[1], '''' || ${prefix}
    || CASE WHEN octet_length(part[2]) <= ${INDEXED_WORD_BYTES_MAX} THEN part[2] ELSE '' END || ''''), '' ORDER BY nth), '')
  FROM regexp_matches(${QUERY}::text, '([^'']+)|''(([^'']|'''')+)''', 'g') WITH ORDINALITY AS parts (part, nth))::tsquery`;

/** The read models in PostgreSQL, through the views that show the live builds. */
export class PostgresViews implements Views {
  constructor(
    private readonly pool: ConnectionPool,
    /** Few connections, and a server that ends what takes long: searches wait for searches alone. */
    private readonly searchPool = pool,
  ) {}

  async head(conversation: string): Promise<HeadRow | undefined> {
    const [row] = await this.ask<[string]>('messages', 'SELECT doc::text FROM views.heads WHERE key = $1', [
      conversation,
    ]);
    return row && JSON.parse(row[0]);
  }

  async tree({ conversation, leaf, before, nodesMax, charactersMax }: TreeAsked): Promise<Tree | undefined> {
    const values = [conversation, leaf ?? null, before ?? null, nodesMax, charactersMax];
    const [row] = await this.ask<TreeRow>('messages', TREE, values);
    if (!row?.[0]) return undefined;
    const [head, system, leafKind, beforeKind, path, nodes, more] = row;
    return {
      head: JSON.parse(head),
      systemText: system && (JSON.parse(system) as SystemTextRow).text,
      leaf: (leafKind as NodeRow['kind']) ?? undefined,
      before: (beforeKind as NodeRow['kind']) ?? undefined,
      path: JSON.parse(path ?? '[]'),
      nodes: JSON.parse(nodes ?? '[]'),
      more,
    };
  }

  async conversations({ scope, archived, words, before, rowsMax }: ConversationsAsked): Promise<ConversationRow[]> {
    const asked = new Conditions().within(scope).where('archived = ?', archived).before('updated_at', before);
    if (words !== undefined) {
      const said = `SELECT DISTINCT conversation FROM views.said WHERE ${this.saidWithin(scope, asked)}`;
      // As an array the words are looked up first. Of a rare word nobody knows beforehand how rare it is, and with a join
      // the database goes through the newest conversations instead, of which hardly any has it.
      asked.where(`key = ANY(ARRAY(${said}))`, words);
    }
    const order = `ORDER BY updated_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    const text = `SELECT doc::text FROM views.conversations WHERE ${asked} ${order}`;
    return this.found('conversations', text, asked, words);
  }

  async runs({ scope, words, before, rowsMax, ...filters }: RunsAsked): Promise<RunRow[]> {
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
      const said = `SELECT node FROM views.said WHERE ${this.saidWithin(scope, asked)}`;
      // Two joins and not one condition with OR: each has an index to go by.
      asked.where(
        `key IN (
          SELECT r.key FROM views.runs r WHERE r.key IN (${said})
          UNION ALL SELECT r.key FROM views.runs r WHERE r.message IN (${said}))`,
        words,
      );
    }
    const order = `AND requested_at IS NOT NULL ORDER BY requested_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    return this.found('runs', `SELECT doc::text FROM views.runs WHERE ${asked} ${order}`, asked, words);
  }

  async usage({ scope, by, from, to }: UsageAsked): Promise<UsageSums[]> {
    const asked = new Conditions().within(scope).where('day >= ?', from).where('day < ?', to);
    const rows = await this.ask<UsageOfRow>('usage', usageQuery(by, asked), asked.values);
    return rows.map(([of, runs, unknownUsage, prompt, completion, total, unknownCost, costs]) => ({
      of,
      runs: Number(runs),
      unknownUsage: Number(unknownUsage),
      promptTokens: Number(prompt),
      completionTokens: Number(completion),
      totalTokens: Number(total),
      unknownCost: Number(unknownCost),
      costs: JSON.parse(costs ?? '{}'),
    }));
  }

  async covered(list: CoveringList, conversations: readonly string[]): Promise<Map<string, Covered>> {
    const what = {
      conversations: 'claimed FROM views.conversations',
      runs: 'claimed FROM views.ledgers',
      usage: 'true FROM views.counted',
    }[list];
    const text = `SELECT key, seen, ${what} WHERE key = ANY($1)`;
    const rows = await this.ask<[string, number, boolean]>(list, text, [conversations]);
    return new Map(rows.map(([key, seen, isClaimed]) => [key, { seen, isClaimed }]));
  }

  private saidWithin({ tenant, owner }: Scope, asked: Conditions): string {
    const ofTenant = `${asked.value(tenant)}::text`;
    const ofOwner = owner === undefined ? undefined : `${asked.value(owner)}::text`;
    const within = ofOwner === undefined ? '' : ` AND owner = ${ofOwner}`;
    return `tenant = ${ofTenant}${within} AND ${isSaid(prefixOf(ofTenant, ofOwner))}`;
  }

  private async found<Row>(
    projection: string,
    text: string,
    { values }: Conditions,
    words: string | undefined,
  ): Promise<Row[]> {
    if (words !== undefined) await this.requireBounded(projection, words);
    const pool = words === undefined ? this.pool : this.searchPool;
    return (await this.ask<[string]>(projection, text, values, pool)).map(([document]) => JSON.parse(document));
  }

  private async requireBounded(projection: string, words: string): Promise<void> {
    const [row] = await this.ask<[boolean]>(projection, IS_UNBOUNDED, [words], this.searchPool);
    if (row?.[0]) throw new SearchUnbounded('a search needs a word that is there');
  }

  private ask<Row extends unknown[]>(
    projection: string,
    text: string,
    values: unknown[],
    pool = this.pool,
  ): Promise<Row[]> {
    return unlessUnreadable(projection, pool.query<Row>({ text, values, rowMode: 'array' }));
  }
}

type UsageOfRow = [of: string | null, ...sums: [string, string, string, string, string, string], costs: string | null];

const SUMS = ['runs', 'unknownUsage', 'promptTokens', 'completionTokens', 'totalTokens', 'unknownCost'];

function usageQuery(by: UsageAsked['by'], asked: Conditions): string {
  const group = { day: 'day', user: 'owner', model: 'm.key' }[by];
  const models = `views.usage u, json_each(u.doc->'models') m`;
  return `
    WITH spent AS (
      SELECT ${group} AS of, c.key AS currency, sum(c.value::numeric) AS amount
      FROM ${models}, json_each_text(m.value->'costs') c WHERE ${asked} GROUP BY 1, 2
    ), used AS (
      SELECT ${group} AS of, ${SUMS.map((name) => `sum((m.value->>'${name}')::bigint)::text AS "${name}"`).join(', ')}
      FROM ${models} WHERE ${asked} GROUP BY 1
    )
    SELECT used.*, (
      SELECT json_object_agg(currency, trim_scale(amount)::text)::text FROM spent WHERE spent.of IS NOT DISTINCT FROM used.of
    ) FROM used ORDER BY 1`;
}
