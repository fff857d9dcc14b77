import { edgeOf } from '../formats/record-1/frontier.js';
import { leafHash } from '../formats/record-1/hashes.js';
import type { LoadedHead, LoadedTree, StoredHeads } from '../ports/record.js';

/**
 * Why the records of tenants must not be continued: what is stored of their trees, chains or owners is not what their entries say.
 * An entry that was built on it would be signed, and no later one could repair it.
 */
export function faultsIn({ trees, chains, owners }: StoredHeads): ReadonlyMap<string, string> {
  const faults = new Map<string, string>();
  const report = (tenant: string, fault: string | undefined) => {
    if (fault !== undefined && !faults.has(tenant)) faults.set(tenant, fault);
  };
  for (const tree of trees) report(tree.tenant, faultOfTree(tree));
  for (const chain of chains) {
    if (!isLast(chain, ['chain', 'n'])) report(chain.tenant, `the stored end of ${chain.name} is not its last entry`);
  }
  for (const owner of owners) {
    if (!isLast(owner, ['owner', 'on']))
      report(owner.tenant, `the stored end of the conversations of ${owner.name} is not the last one`);
  }
  return faults;
}

function faultOfTree({ size, edge, entries }: LoadedTree): string | undefined {
  if (size !== entries) return `the stored tree has ${size} entries, and ${entries} are stored`;
  if (edge.length !== edgeOf(size).length) return `the stored tree of ${size} entries has other hashes`;
  return undefined;
}

/** Whether the head names the last entry, by the members of an entry that hold the name and the number. */
function isLast({ name, head, leaf, newest }: LoadedHead, [nameMember, numberMember]: [string, string]): boolean {
  if (head === null || leaf === null || (newest !== null && newest > head.entry)) return false;
  if (!leafHash(leaf).equals(head.hash)) return false;
  const entry = membersOf(leaf);
  return entry[nameMember] === name && entry[numberMember] === head.next - 1;
}

/** The text may be anything, because the row of the entry may be changed like that of the head. */
function membersOf(leaf: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(leaf));
  } catch {
    return {};
  }
}
