import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import type { Cost } from '../../domain/conversation/run.js';
import type { Scope } from '../../ports/read-models/questions.js';
import type { ListCoverage } from '../queries/list-coverage.js';
import { scopeOf } from '../queries/pages.js';
import { usage } from './projection.js';
import type { Sums } from './rows.js';

export interface UsageAsked {
  readonly scope: Scope;
  readonly by: 'day' | 'user' | 'model';
  /** Days: from this one on, and before that one. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface UsageSums extends Sums {
  /** The day, the user or the model. */
  readonly of: string | null;
}

export interface UsageQueries {
  sums(asked: UsageAsked): Promise<readonly UsageSums[]>;
}

export interface UsedBy extends Omit<Sums, 'costs'> {
  readonly day?: string;
  readonly user?: string | null;
  readonly model?: string;
  /** Null: of none of the runs is it known. */
  readonly cost: Cost;
}

/** Sums of usage by day (UTC), user or model. */
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
    private readonly views: UsageQueries,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: SumUsage): Promise<readonly UsedBy[]> {
    await this.coverage.wait(usage, reader, undefined);
    const sums = await this.views.sums({ ...asked, scope: scopeOf(reader) });
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
