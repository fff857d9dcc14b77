import type { UsageAsked, UsageQueries, UsageSums } from '../../../src/projections/usage/query.js';
import { type Sums, usageTable } from '../../../src/projections/usage/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';
import { isWithin } from './memory-rows.js';

export class MemoryUsage implements UsageQueries {
  constructor(private readonly models: MemoryReadModels) {}

  async sums({ scope, by, from, to }: UsageAsked): Promise<UsageSums[]> {
    const sums = new Map<string | null, Sums>();
    for (const { tenant, user, day, models } of this.models.rows('usage', usageTable).values()) {
      if (!isWithin(scope, tenant, user) || (from && day < from) || (to && day >= to)) continue;
      for (const [model, used] of Object.entries(models)) {
        const of = { day, user, model }[by];
        sums.set(of, added(sums.get(of), used));
      }
    }
    return [...sums]
      .map(([of, sum]) => ({ of, ...sum }))
      .sort((one, other) => ((one.of ?? '') < (other.of ?? '') ? -1 : 1));
  }
}

/** For tests alone: amounts are added as numbers. */
function added(sum: Sums | undefined, used: Sums): Sums {
  if (!sum) return used;
  const costs = { ...sum.costs };
  for (const [currency, amount] of Object.entries(used.costs)) {
    costs[currency] = String(Number(costs[currency] ?? 0) + Number(amount));
  }
  return {
    runs: sum.runs + used.runs,
    unknownUsage: sum.unknownUsage + used.unknownUsage,
    promptTokens: sum.promptTokens + used.promptTokens,
    completionTokens: sum.completionTokens + used.completionTokens,
    totalTokens: sum.totalTokens + used.totalTokens,
    unknownCost: sum.unknownCost + used.unknownCost,
    costs,
  };
}
