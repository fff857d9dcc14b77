import type { Command } from 'commander';
import { NotAKey } from '../verifier/note.js';
import { type BagFacts, type BagVerdict, verifyBag } from '../verifier/verify-bag.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { CommandFailed, UsageError } from './failures.js';
import { withFile } from './file-bytes.js';
import { nodeCrypto } from './node-crypto.js';
import { jsonLine } from './output.js';
import { counted, pairsOf } from './table.js';
import { visible } from './visible.js';

interface VerifyOptions extends JsonOption {
  readonly vkey?: string;
  readonly witness: readonly string[];
  readonly previous?: string;
}

export function addVerify(program: Command, parts: CommandParts): void {
  withJson(program.command('verify'))
    .description(
      'verify a bag without a connection to anything; exits with 0 if it is intact, 1 if it is altered or incomplete, ' +
        '2 if the question is wrong',
    )
    .argument('<bag>', 'the file')
    .option('--vkey <key>', 'the key of the log, from another source than the bag')
    .option('--witness <key>', 'the key of a witness that must have cosigned; may be given several times', addTo, [])
    .option('--previous <bag>', 'an earlier bag of the same record, of which nothing may be missing')
    .action((bag, options) => verify(parts, bag, options));
}

const addTo = (key: string, keys: readonly string[]): readonly string[] => [...keys, key];

async function verify({ out }: CommandParts, bag: string, options: VerifyOptions): Promise<void> {
  const verdict = await verdictOn(bag, options);
  await out.write(options.json ? jsonLine(verdict) : verdictText(verdict));
  const [first] = verdict.mistakes;
  if (first) throw new CommandFailed(visible(`The bag is altered or incomplete. ${first.place}: ${first.why}`));
}

async function verdictOn(path: string, { vkey: verifierKey, witness, previous }: VerifyOptions): Promise<BagVerdict> {
  const question = { verifierKey, witnesses: witness };
  try {
    return await withFile(path, (bag) =>
      previous === undefined
        ? verifyBag({ bag, ...question }, nodeCrypto)
        : withFile(previous, (earlier) => verifyBag({ bag, previous: earlier, ...question }, nodeCrypto)),
    );
  } catch (error) {
    if (error instanceof NotAKey) throw new UsageError(visible(error.message));
    throw error;
  }
}

function verdictText({ isIntact, mistakes, remarks, facts }: BagVerdict): string {
  const found = [
    ...mistakes.map((each) => ['mistake', each] as const),
    ...remarks.map((each) => ['note', each] as const),
  ];
  return [
    isIntact ? 'The bag is intact.\n' : 'The bag is altered or incomplete.\n',
    ...(facts ? [pairsOf(factPairs(facts))] : []),
    ...found.map(([kind, { place, why }]) => `${kind}: ${visible(`${place}: ${why}`)}\n`),
  ].join('');
}

function factPairs(facts: BagFacts): [name: string, value: string][] {
  const { origin, size, tenant, conversations, chains, entries, texts } = facts;
  const scope = conversations === null ? 'everything' : `${counted(conversations.length)} conversations`;
  return [
    ['scope', `${scope} of the tenant ${tenant}`],
    ['tree', `${counted(size)} entries of ${origin}`],
    ['entries', `${counted(entries)} in ${counted(chains)} chains`],
    ...(texts ? textPairs(texts) : [['events', 'without their texts'] as [string, string]]),
  ];
}

function textPairs(texts: NonNullable<BagFacts['texts']>): [name: string, value: string][] {
  const { events, revealed, unrevealed, answers, prompts, hiddenPrompts } = texts;
  return [
    ['events', `${counted(events)} with their texts`],
    ['protected values', `${counted(revealed)} revealed, ${counted(unrevealed)} not`],
    ['answers', `${counted(answers)} compared with their tapes`],
    ['prompts', `${counted(prompts)} made again, ${counted(hiddenPrompts)} with values that are not revealed`],
  ];
}
