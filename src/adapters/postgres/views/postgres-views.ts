import type { ConversationRow, HeadRow, NodeRow, RunRow, SystemTextRow } from '../../../ports/read-models/rows.js';
import type {
  ConversationsAsked,
  Covered,
  RunsAsked,
  Tree,
  TreeAsked,
  UsageAsked,
  UsageSums,
  Views,
} from '../../../ports/read-models/views.js';
import type { ConnectionPool } from '../connection-pool.js';
import { Conditions } from './conditions.js';
import { unlessUnreadable } from './lost.js';
import { TREE, type TreeRow } from './tree-query.js';

/** As people write into a search box: nothing that they may write is a mistake. */
const IS_SAID = `words @@ websearch_to_tsquery('simple', ?)`;

/** The read models in PostgreSQL, through the views that show the live builds. */
export class PostgresViews implements Views {
  constructor(private readonly pool: ConnectionPool) {}

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
      const said = `SELECT DISTINCT conversation FROM views.said WHERE tenant = ${asked.value(scope.tenant)} AND ${IS_SAID}`;
      // As an array the words are looked up first. Of a rare word nobody knows beforehand how rare it is, and with a join
      // the database goes through the newest conversations instead, of which hardly any has it.
      asked.where(`key = ANY(ARRAY(${said}))`, words);
    }
    const order = `ORDER BY updated_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    return this.documents('conversations', `SELECT doc::text FROM views.conversations WHERE ${asked} ${order}`, asked);
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
      const said = `SELECT node FROM views.said WHERE tenant = ${asked.value(scope.tenant)} AND ${IS_SAID}`;
      // Two joins and not one condition with OR: each has an index to go by.
      asked.where(
        `key IN (
          SELECT r.key FROM views.runs r WHERE r.key IN (${said})
          UNION ALL SELECT r.key FROM views.runs r WHERE r.message IN (${said}))`,
        words,
      );
    }
    const order = `AND requested_at IS NOT NULL ORDER BY requested_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    return this.documents('runs', `SELECT doc::text FROM views.runs WHERE ${asked} ${order}`, asked);
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

  async covered(list: 'conversations' | 'runs', conversations: readonly string[]): Promise<Map<string, Covered>> {
    const table = { conversations: 'conversations', runs: 'ledgers' }[list];
    const text = `SELECT key, seen, claimed FROM views.${table} WHERE key = ANY($1)`;
    const rows = await this.ask<[string, number, boolean]>(list, text, [conversations]);
    return new Map(rows.map(([key, seen, isClaimed]) => [key, { seen, isClaimed }]));
  }

  private async documents<Row>(projection: string, text: string, { values }: Conditions): Promise<Row[]> {
    return (await this.ask<[string]>(projection, text, values)).map(([document]) => JSON.parse(document));
  }

  private ask<Row extends unknown[]>(projection: string, text: string, values: unknown[]): Promise<Row[]> {
    return unlessUnreadable(projection, this.pool.query<Row>({ text, values, rowMode: 'array' }));
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
