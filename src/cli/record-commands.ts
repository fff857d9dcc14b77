import type { Command } from 'commander';
import { type CheckedTree, checkRecord } from '../notary/record-check.js';
import { NOTARY } from '../ports/record.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { CommandFailed } from './failures.js';
import type { OpenedRecord } from './opened-log.js';
import { jsonLine } from './output.js';
import { rotateKey } from './rotate-key.js';
import { tableOf } from './table.js';

export function addRecord(program: Command, parts: CommandParts): void {
  const group = program.command('record').description('the record that proves what the log holds');
  withJson(group.command('check'))
    .description("make every tenant's entries again from the log, and compare them with the stored and signed ones")
    .action((options) => check(parts, options));
  withJson(group.command('rebuild'))
    .description('delete entries and trees, so that the notary makes them again from the log; notes stay')
    .action((options) => rebuild(parts, options));
  withJson(group.command('rotate-key'))
    .description(
      'replace the signing key in record.key: both keys sign the last size of every tree, then the new one alone',
    )
    .option('--lost <vkey>', 'the earlier key is lost: the present one begins where this one, a verifier key, ended')
    .action((options) => withRecord(parts, (opened) => rotateKey(parts, opened, options)));
}

const UNVERIFIED =
  'No signing key is known here, neither in record.key nor in VERBATIM_RECORD_KEY: no signature of a note was verified.\n';

async function check(parts: CommandParts, { json }: JsonOption): Promise<void> {
  const { items, verified } = await withRecord(parts, async ({ log, record, outside }) => ({
    items: await checkRecord(log, record, outside),
    verified: outside.keys !== undefined,
  }));
  await parts.out.write(json ? jsonLine({ items, verified }) : checkedText(items));
  if (!verified) await parts.err.write(UNVERIFIED);
  const wrong = items.filter(({ mistakes }) => mistakes.length > 0).map(({ tenant }) => tenant);
  if (wrong.length > 0) throw new CommandFailed(`The record differs from the log for: ${wrong.join(', ')}`);
}

function checkedText(items: readonly CheckedTree[]): string {
  const rows = items.map(({ tenant, size, stored, signed, mistakes }) => [
    ...[tenant, size, stored, signed ?? 'none', mistakes.length],
  ]);
  const mistakes = items.flatMap(({ tenant, mistakes: each }) => each.map((mistake) => `${tenant}: ${mistake}\n`));
  return [tableOf(['tenant', 'in the log', 'stored', 'signed', 'mistakes'], rows), ...mistakes].join('');
}

async function rebuild(parts: CommandParts, { json }: JsonOption): Promise<void> {
  await withRecord(parts, ({ record }) => record.forget(NOTARY));
  const text =
    'Entries and trees are deleted. The notary of a running server, or of the next start, makes them again.\n';
  await parts.out.write(json ? jsonLine({ forgotten: true }) : text);
}

async function withRecord<T>({ openRecord }: CommandParts, work: (opened: OpenedRecord) => Promise<T>): Promise<T> {
  const opened = await openRecord();
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}
