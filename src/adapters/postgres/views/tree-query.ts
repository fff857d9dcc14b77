/**
 * A conversation as one statement sees it, so all of it is from the same moment: its head, its system text, what kind the
 * asked leaf and bound are, the path, a page of nodes, and whether there are more. JSON leaves as text: it may hold what no
 * text of a database can.
 */
export const TREE = `
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
  SELECT (SELECT doc::text FROM head),
    (SELECT n.doc::text FROM head JOIN views.nodes n ON n.key = $1 || '/' || head.system),
    (SELECT kind FROM views.nodes WHERE key = $1 || '/' || $2),
    (SELECT kind FROM bound),
    (SELECT json_agg(id ORDER BY height DESC)::text FROM up),
    (SELECT '[' || string_agg(n.doc::text, ',' ORDER BY page.seen) || ']' FROM page JOIN views.nodes n USING (key)),
    (SELECT count(*) FROM newest) > (SELECT count(*) FROM page)`;

export type TreeRow = [
  head: string | null,
  system: string | null,
  leafKind: string | null,
  boundKind: string | null,
  path: string | null,
  nodes: string | null,
  more: boolean,
];
