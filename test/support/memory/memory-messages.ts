import type { MessageQueries, Tree, TreeAsked } from '../../../src/projections/messages/query.js';
import { type HeadRow, headsTable, nodeKey, nodesTable, textOf } from '../../../src/projections/messages/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';

export class MemoryMessages implements MessageQueries {
  constructor(private readonly models: MemoryReadModels) {}

  async head(conversation: string): Promise<HeadRow | undefined> {
    return this.models.rows('messages', headsTable).get(conversation);
  }

  async tree({ conversation, leaf, before, nodesMax, charactersMax }: TreeAsked): Promise<Tree | undefined> {
    const head = await this.head(conversation);
    if (!head) return undefined;
    const all = this.models.rows('messages', nodesTable);
    const node = (id: string | null | undefined) => (id ? all.get(nodeKey(conversation, id)) : undefined);
    const bound = node(before);
    const system = node(head.system);
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
      systemText: system ? textOf(system) : null,
      leaf: node(leaf)?.kind ?? null,
      before: bound?.kind ?? null,
      path,
      nodes: page.reverse(),
      more: page.length < wanted.length,
    };
  }
}
