import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import type { CostRow } from '../../ports/read-models/rows.js';
import type { UsageAsked, UsageSums, Views } from '../../ports/read-models/views.js';
import type { ListCoverage } from '../queries/list-coverage.js';
import { scopeOf } from '../queries/scope.js';

export interface UsedBy {
  readonly day?: string;
  readonly user?: string | null;
  readonly model?: string;
  readonly runs: number;
  /** They are in none of the sums of tokens. */
  readonly unknownUsage: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** Null: of none of the runs is it known. */
  readonly cost: CostRow | null;
  readonly unknownCost: number;
}

/** Sums of what was used, by day (UTC), user or model. */
export class SumUsage extends Query<readonly UsedBy[]> {
  constructor(
    readonly reader: Reader,
    readonly asked: Omit<UsageAsked, 'scope'>,
  ) {
    super();
  }
}

@QueryHandler(SumUsage)
export class SumUsageHandler implements IQueryHandler<SumUsage> {
  constructor(
    private readonly views: Pick<Views, 'usage'>,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: SumUsage): Promise<readonly UsedBy[]> {
    await this.coverage.wait('usage', reader, undefined);
    const sums = await this.views.usage({ ...asked, scope: scopeOf(reader) });
    return sums.flatMap((each) => usedBy(asked.by, each));
  }
}

/** Amounts of different currencies have no sum: each has a line of its own, and the first of them carries the counts. */
function usedBy(by: UsageAsked['by'], { of, costs, ...counts }: UsageSums): readonly UsedBy[] {
  const [first = null, ...others] = Object.entries(costs)
    .sort()
    .map(([currency, amount]) => ({ amount, currency }));
  return [{ [by]: of, ...counts, cost: first }, ...others.map((cost) => ({ [by]: of, ...NOTHING, cost }))];
}

const NOTHING = { runs: 0, unknownUsage: 0, promptTokens: 0, completionTokens: 0, totalTokens: 0, unknownCost: 0 };
