import { Conditions } from '../../adapters/postgres/views/conditions.js';
import type { ViewReader } from '../../adapters/postgres/views/view-reader.js';
import type { UsageAsked, UsageQueries, UsageSums } from './query.js';

export class PostgresUsage implements UsageQueries {
  constructor(private readonly views: ViewReader) {}

  sums({ scope, by, from, to }: UsageAsked): Promise<UsageSums[]> {
    const asked = new Conditions().within(scope).where('day >= ?', from).where('day < ?', to);
    return this.views.rows('usage', sumsBy(by, asked), asked);
  }
}

const SUMS = ['runs', 'unknownUsage', 'promptTokens', 'completionTokens', 'totalTokens', 'unknownCost'];

function sumsBy(by: UsageAsked['by'], asked: Conditions): string {
  const group = { day: 'day', user: 'owner', model: 'm.key' }[by];
  const models = `views.usage u, json_each(u.doc->'models') m`;
  return `
    WITH spent AS (
      SELECT ${group} AS of, c.key AS currency, sum(c.value::numeric) AS amount
      FROM ${models}, json_each_text(m.value->'costs') c WHERE ${asked} GROUP BY 1, 2
    ), used AS (
      SELECT ${group} AS of, ${SUMS.map((name) => `sum((m.value->>'${name}')::bigint) AS "${name}"`).join(', ')}
      FROM ${models} WHERE ${asked} GROUP BY 1
    )
    SELECT row_to_json(summed)::text FROM (
      SELECT used.*, (
        SELECT coalesce(json_object_agg(currency, trim_scale(amount)::text), '{}')
        FROM spent WHERE spent.of IS NOT DISTINCT FROM used.of
      ) AS costs FROM used ORDER BY 1
    ) summed`;
}
