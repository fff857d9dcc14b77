import { open, rename, rm } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { LookedAt } from '../domain/access.js';
import { type ExportRequest, exportedBag } from '../exports/bag-export.js';
import { NothingToExport } from '../exports/scope-entries.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { CommandFailed, reasonOf, UsageError } from './failures.js';
import type { OpenedRecord } from './opened-log.js';
import { jsonLine } from './output.js';
import { counted } from './table.js';

/** They share appends. */
const LOOKS_AT_ONCE = 20;

interface ExportOptions extends JsonOption {
  readonly tenant: string;
  readonly conversation: readonly string[];
  readonly all?: true;
  readonly size?: number;
  readonly texts: boolean;
  readonly reason: string;
  readonly out: string;
}

export function addExport(program: Command, parts: CommandParts): void {
  withJson(program.command('export'))
    .description('write a bag of recorded conversations, with proofs that `verbatim verify` checks offline')
    .requiredOption('--out <file>', 'the bag; must not exist yet')
    .option('--conversation <id>', 'a conversation; may be given several times', addTo, [])
    .option('--all', 'everything of the tenant instead')
    .option('--tenant <name>', 'the tenant', 'default')
    .option('--size <entries>', 'of a kept checkpoint (default: the last one)', sizeIn)
    .option('--no-texts', 'entries alone, without any text')
    .option('--reason <text>', 'why, for custody.json', '')
    .action((options) => exportBag(parts, options));
}

const addTo = (id: string, ids: readonly string[]): readonly string[] => [...ids, id];

function sizeIn(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of entries of a tree');
}

async function exportBag(parts: CommandParts, options: ExportOptions): Promise<void> {
  const { clock, out } = parts;
  const { tenant, conversation: conversations, all, size, texts: reveal, reason } = options;
  if (conversations.length > 0 === (all === true)) throw new UsageError('Name conversations, or use --all');
  const scope = all ? ({ tenant: true } as const) : { conversations };
  const custody = { at: new Date(clock.now()).toISOString(), by: 'operator', reason };
  const bytes = await written(parts, { tenant, scope, size, reveal, custody }, options.out);
  await out.write(options.json ? jsonLine({ out: options.out, bytes }) : `${options.out}: ${counted(bytes)} bytes\n`);
}

/** Writes the bag beside its place first, so that no half of one is taken for a bag. */
async function written({ openRecord }: CommandParts, request: ExportRequest, path: string): Promise<number> {
  const place = await open(path, 'wx', 0o600).catch((error) => {
    throw new UsageError(`${path} cannot be written: ${reasonOf(error)}`);
  });
  await place.close();
  const draft = `${path}.part`;
  try {
    const opened = await openRecord();
    try {
      const bag = await exportedBag(opened, request);
      await recordLooks(opened, request);
      const bytes = await writeAll(draft, bag);
      await rename(draft, path);
      return bytes;
    } finally {
      await opened.close();
    }
  } catch (error) {
    await rm(draft, { force: true });
    await rm(path, { force: true });
    if (error instanceof NothingToExport) throw new CommandFailed(error.message);
    throw error;
  }
}

/** Before the bag is written: each conversation of it has the look in its trail. Without texts there is none. */
async function recordLooks(
  { recordLook }: OpenedRecord,
  { tenant, scope, reveal, custody }: ExportRequest,
): Promise<void> {
  if (!reveal) return;
  const purpose = custody.reason === '' ? {} : { purpose: custody.reason };
  const look = (object: LookedAt) => recordLook(tenant, { what: 'export', objects: [object], ...purpose });
  if ('tenant' in scope) return look({ kind: 'log', id: tenant });
  for (let from = 0; from < scope.conversations.length; from += LOOKS_AT_ONCE) {
    const ids = scope.conversations.slice(from, from + LOOKS_AT_ONCE);
    await Promise.all(ids.map((id) => look({ kind: 'conversation', id })));
  }
}

async function writeAll(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'w', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  return bytes;
}
