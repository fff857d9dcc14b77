import type { ViewReader } from '../../adapters/postgres/views/view-reader.js';
import type { MessageQueries, Tree, TreeAsked } from './query.js';
import type { HeadRow, SystemTextRow } from './rows.js';

export class PostgresMessages implements MessageQueries {
  constructor(private readonly views: ViewReader) {}

  async head(conversation: string): Promise<HeadRow | undefined> {
    const text = 'SELECT doc::text FROM views.heads WHERE key = $1';
    const [row] = await this.views.ask<[string]>('messages', text, [conversation]);
    return row && JSON.parse(row[0]);
  }

  async tree({ conversation, leaf, before, nodesMax, charactersMax }: TreeAsked): Promise<Tree | undefined> {
    const values = [conversation, leaf ?? null, before ?? null, nodesMax, charactersMax];
    const [row] = await this.views.ask<[string]>('messages', TREE, values);
    if (!row) return undefined;
    const { system, ...tree }: StoredTree = JSON.parse(row[0]);
    return { ...tree, systemText: system?.text ?? null };
  }
}

type StoredTree = Omit<Tree, 'systemText'> & { readonly system: SystemTextRow | null };

/**
 * A conversation in one statement, so all of it is from the same moment. The statement looks into no row: a text in it may
 * hold characters that PostgreSQL cannot decode.
 */
const TREE = `
  WITH RECURSIVE head AS (
    SELECT doc, leaf, system FROM views.heads WHERE key = $1
  ), up AS (
    SELECT n.id, n.parent, 0 AS height FROM views.nodes n
    WHERE n.key = $1 || '/' || coalesce($2, (SELECT leaf FROM head))
    UNION ALL
    SELECT n.id, n.parent, up.height + 1 FROM up JOIN views.nodes n ON n.key = $1 || '/' || up.parent
  ), bound AS (
    SELECT seen, kind FROM views.nodes WHERE key = $1 || '/' || $3
  ), newest AS (
    SELECT key, seen, row_number() OVER newest_first AS nth, sum(characters) OVER newest_first AS upto
    FROM (
      SELECT key, seen, characters FROM views.nodes
      WHERE conversation = $1 AND kind <> 'system' AND seen < coalesce((SELECT seen FROM bound), 2147483647)
      ORDER BY seen DESC LIMIT $4::integer + 1
    ) wanted
    WINDOW newest_first AS (ORDER BY seen DESC)
  ), page AS (
    SELECT key, seen FROM newest WHERE nth <= $4::integer AND (nth = 1 OR upto <= $5::bigint)
  )
  SELECT json_build_object(
    'head', head.doc,
    'system', (SELECT n.doc FROM views.nodes n WHERE n.key = $1 || '/' || head.system),
    'leaf', (SELECT kind FROM views.nodes WHERE key = $1 || '/' || $2),
    'before', (SELECT kind FROM bound),
    'path', (SELECT coalesce(json_agg(id ORDER BY height DESC), '[]') FROM up),
    'nodes', (SELECT coalesce(json_agg(n.doc ORDER BY page.seen), '[]') FROM page JOIN views.nodes n USING (key)),
    'more', (SELECT count(*) FROM newest) > (SELECT count(*) FROM page)
  )::text FROM head`;
