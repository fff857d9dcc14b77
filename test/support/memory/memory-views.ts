import { SearchUnbounded } from '../../../src/ports/read-models/read-models.js';
import {
  type ConversationRow,
  type HeadRow,
  type LedgerRow,
  type NodeRow,
  nodeKey,
  type RunRow,
  type Sums,
} from '../../../src/ports/read-models/rows.js';
import type {
  ConversationsAsked,
  Covered,
  CoveringList,
  PageEnd,
  RunsAsked,
  Scope,
  Tree,
  TreeAsked,
  UsageAsked,
  UsageSums,
  Views,
} from '../../../src/ports/read-models/views.js';
import type { MemoryReadModels } from './memory-read-models.js';

const coveredBy = (row: LedgerRow | undefined): Covered | undefined =>
  row && { seen: row.seen, isClaimed: row.open !== null && row.open === row.claimed };

/** What can be asked of the rows that are kept in memory: each question looks at all of them. */
export class MemoryViews implements Views {
  constructor(private readonly models: MemoryReadModels) {}

  async head(conversation: string): Promise<HeadRow | undefined> {
    return this.models.rows('messages', 'heads').get(conversation);
  }

  async tree({ conversation, leaf, before, nodesMax, charactersMax }: TreeAsked): Promise<Tree | undefined> {
    const head = await this.head(conversation);
    if (!head) return undefined;
    const all = this.models.rows('messages', 'nodes');
    const node = (id: string | null | undefined) => (id ? all.get(nodeKey(conversation, id)) : undefined);
    const bound = node(before);
    const wanted = [...all.values()]
      .filter((each) => each.conversation === conversation && each.kind !== 'system')
      .filter(({ seen }) => seen < (bound?.seen ?? Number.POSITIVE_INFINITY))
      .sort((one, other) => other.seen - one.seen);
    let characters = 0;
    const page = wanted.slice(0, nodesMax).filter((each, nth) => {
      characters += textOf(each).length;
      return nth === 0 || characters <= charactersMax;
    });
    const path: string[] = [];
    for (let at = node(leaf ?? head.leaf); at; at = node(at.parent)) path.unshift(at.id);
    return {
      head,
      systemText: textOf(node(head.system)) || null,
      leaf: node(leaf)?.kind,
      before: bound?.kind,
      path,
      nodes: page.reverse(),
      more: page.length < wanted.length,
    };
  }

  async conversations({ scope, archived, words, before, rowsMax }: ConversationsAsked): Promise<ConversationRow[]> {
    const said = words === undefined ? undefined : this.said(scope, words);
    const rows = [...this.models.rows('conversations', 'conversations').values()].filter(
      (row) =>
        isWithin(scope, row.tenant, row.owner) &&
        row.archived === archived &&
        (!said || said.some(({ conversation }) => conversation === row.id)),
    );
    return newestFirst(rows, ({ updatedAt, id }) => ({ at: updatedAt, id }), before).slice(0, rowsMax);
  }

  async runs({ scope, words, before, rowsMax, from, to, ...asked }: RunsAsked): Promise<RunRow[]> {
    const said = words === undefined ? undefined : new Set(this.said(scope, words).map(({ node }) => node));
    const { user, conversation, model, status } = asked;
    const matches = (wanted: string | undefined, value: string | null) => wanted === undefined || wanted === value;
    const rows = [...this.models.rows('runs', 'runs').values()].filter(
      (row) =>
        isWithin(scope, row.tenant, row.user) &&
        row.requestedAt !== null &&
        (from === undefined || row.requestedAt >= from) &&
        (to === undefined || row.requestedAt < to) &&
        matches(user, row.user) &&
        matches(conversation, row.conversation) &&
        matches(model, row.model) &&
        matches(status, row.status) &&
        (!said || said.has(row.id) || said.has(row.message)),
    );
    return newestFirst(rows, ({ requestedAt, id }) => ({ at: requestedAt ?? '', id }), before).slice(0, rowsMax);
  }

  async usage({ scope, by, from, to }: UsageAsked): Promise<UsageSums[]> {
    const sums = new Map<string | null, Sums>();
    for (const { tenant, user, day, models } of this.models.rows('usage', 'usage').values()) {
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

  async covered(list: CoveringList, conversations: readonly string[]): Promise<Map<string, Covered>> {
    const rowOf = {
      conversations: (id: string) => coveredBy(this.models.rows('conversations', 'conversations').get(id)),
      runs: (id: string) => coveredBy(this.models.rows('runs', 'ledgers').get(id)),
      usage: (id: string) => {
        const row = this.models.rows('usage', 'counted').get(id);
        return row && { seen: row.seen, isClaimed: true };
      },
    }[list];
    return new Map(
      conversations.flatMap((id) => {
        const covered = rowOf(id);
        return covered ? [[id, covered]] : [];
      }),
    );
  }

  /** Every word must be there, in one piece of text. */
  private said(scope: Scope, words: string) {
    const wanted = wordsIn(words);
    const isNegated = words
      .trim()
      .split(/\s+/)
      .every((word) => /^-./su.test(word));
    if (isNegated && wanted.length > 0) throw new SearchUnbounded('a search needs a word that is there');
    return [...this.models.rows('conversations', 'said').values()].filter(
      (row) =>
        isWithin(scope, row.tenant, row.owner) &&
        wanted.length > 0 &&
        wanted.every((word) => wordsIn(row.words).includes(word)),
    );
  }
}

const wordsIn = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

const textOf = (node: NodeRow | undefined): string => (node?.kind === 'reply' ? node.result?.text : node?.text) ?? '';

const isWithin = (scope: Scope, tenant: string, owner: string | null): boolean =>
  tenant === scope.tenant && (scope.owner === undefined || scope.owner === owner);

function newestFirst<Row>(rows: readonly Row[], endOf: (row: Row) => PageEnd, before: PageEnd | undefined): Row[] {
  const keyOf = ({ at, id }: PageEnd) => `${at} ${id}`;
  const sorted = [...rows].sort((one, other) => (keyOf(endOf(one)) < keyOf(endOf(other)) ? 1 : -1));
  return before ? sorted.filter((row) => keyOf(endOf(row)) < keyOf(before)) : sorted;
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
