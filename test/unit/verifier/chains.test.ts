import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../src/cli/node-crypto.js';
import { base64 } from '../../../src/verifier/bytes.js';
import { canonicalJson } from '../../../src/verifier/canonical-json.js';
import { Chains } from '../../../src/verifier/chains.js';
import { type EntryLine, entryLine } from '../../../src/verifier/entry.js';
import { Findings } from '../../../src/verifier/findings.js';
import { leafHash } from '../../../src/verifier/merkle.js';

const HASH = base64(new Uint8Array(32));
const OWNER = `u${'a'.repeat(52)}`;

/** The first entry of a conversation of the owner, as an operator could write it who signs what he likes. */
function first(index: number, id: string, on: number, oprev: string | null): EntryLine {
  const stream = `conversation-${id}`;
  const entry = {
    ...{ at: '2026-01-01T00:00:00.000Z', body: HASH, chain: stream, id: `e${index}`, kind: 'event', n: 0, on, oprev },
    ...{ owner: OWNER, prev: null, rev: 0, schema: 1, stream, tenant: 'acme', type: 'ConversationStarted', v: 1 },
  };
  return entryLine(`${index} ${canonicalJson(entry)}`) as EntryLine;
}

const hashOf = ({ text }: EntryLine): string => base64(leafHash(nodeCrypto, text));

function mistakesOf(lines: readonly EntryLine[], conversations?: readonly string[]): string[] {
  const findings = new Findings();
  const chains = new Chains({ tenant: 'acme', size: lines.length, reveal: false, conversations }, nodeCrypto, findings);
  for (const line of lines) chains.add(line);
  const root = chains.all?.root(nodeCrypto) ?? new Uint8Array(32);
  chains.finish(root, []);
  return findings.mistakes.map(({ why }) => why).filter((why) => !why.includes('signed root'));
}

describe('the conversations of an owner', () => {
  const [one, other] = [first(0, 'a', 0, null), first(1, 'b', 1, null)];
  const second = first(1, 'b', 1, hashOf(one));

  it('are right if each names the one before', () => {
    expect(mistakesOf([one, second])).toEqual([]);
  });

  it('are wrong if one names another than the one before', () => {
    const why = 'names another conversation of its owner before it than there is';
    expect(mistakesOf([one, other])).toEqual([why]);
    expect(mistakesOf([one, other], ['a', 'b'])).toEqual([why]);
    expect(mistakesOf([first(0, 'a', 0, HASH)])).toEqual([why]);
  });

  it('are wrong if two have the same number', () => {
    expect(mistakesOf([one, first(1, 'b', 0, null)])).toEqual(['its owner has another conversation number 0']);
  });

  it('are incomplete in a tenant if a number is missing, and not in some conversations', () => {
    const third = first(1, 'c', 2, HASH);
    expect(mistakesOf([one, third])).toEqual([`conversation 1 of the owner ${OWNER} is missing`]);
    expect(mistakesOf([one, third], ['a', 'c'])).toEqual([]);
  });
});

describe('the entries of a chain', () => {
  it('are named where a number is missing', () => {
    const line = first(0, 'a', 0, null);
    const later = { ...line.entry, n: 2, prev: HASH, rev: 2 };
    const { on: _, oprev: __, ...entry } = later;
    const gap = entryLine(`1 ${canonicalJson({ ...entry, v: 1 })}`) as EntryLine;
    expect(mistakesOf([line, gap])).toEqual([
      'lacks entry 1 before it in the chain conversation-a',
      'the chain conversation-a lacks revision 1 of it before',
    ]);
  });
});
