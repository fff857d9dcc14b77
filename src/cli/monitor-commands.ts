import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { keysIn } from '../monitor/published.js';
import { type MonitoredTree, RecordMonitor } from '../monitor/record-monitor.js';
import { RecordWrong } from '../monitor/tree-replay.js';
import type { Api } from './api.js';
import { TooLong } from './bounded-bytes.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { CommandFailed, NotChecked, ReaderGone, reasonOf, UsageError } from './failures.js';
import { recordInFolder, recordOfServer } from './monitored-record.js';
import { jsonLine } from './output.js';
import { pairsOf } from './table.js';

interface MonitorOptions extends JsonOption {
  readonly key?: string;
  readonly vkey?: string;
  readonly state: string;
  readonly follow?: true;
  readonly every: number;
  readonly tapes?: true;
}

/** What a monitor keeps between two runs: the key that it trusts, and the last note that it accepted. */
interface KeptState {
  readonly vkey: string;
  readonly note: string;
}

const isUrl = (place: string | undefined): boolean => place === undefined || /^https?:\/\//i.test(place);

export function addMonitor(program: Command, parts: CommandParts): void {
  withJson(program.command('monitor'))
    .description(
      'replay the record of a tenant without keys to its texts, and compare it with the signed notes; ' +
        'exits with 0 if it is right, 1 if an entry or a tree is wrong, 3 if it could not be read',
    )
    .argument(
      '[place]',
      'address of a server (default: as for other commands), or a folder with its checkpoint and tiles',
    )
    .option('--key <key>', 'an API key of an auditor (default: as for other commands)')
    .option(
      '--vkey <key>',
      'the key that verifies the notes (default: the one in the state, else the one of the server)',
    )
    .option('--state <file>', 'holds the key and the last accepted note', 'verbatim-monitor.json')
    .option('--follow', 'check again and again, until something is wrong')
    .option('--every <seconds>', 'pause of --follow', secondsIn, 60)
    .option('--tapes', 'also read the events of each tape from the server; in a folder they are read where they exist')
    .action((place, options) => replayed(parts, place, options));
}

function secondsIn(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('expected whole seconds from 1 on');
  return Number(text);
}

async function replayed(parts: CommandParts, place: string | undefined, options: MonitorOptions): Promise<void> {
  const { clock, err } = parts;
  const kept = await keptIn(options.state);
  const monitor = await unlessUnread(() => begun(parts, place, options, kept));
  let last = kept?.note;
  for (;;) {
    try {
      const tree = await unlessUnread(() => monitor.check());
      await parts.keepFile(options.state, jsonLine({ vkey: tree.verifierKey, note: tree.note }));
      if (!options.follow || tree.note !== last) await parts.out.write(options.json ? jsonLine(tree) : textOf(tree));
      last = tree.note;
    } catch (error) {
      if (!options.follow || !(error instanceof NotChecked)) throw error;
      await err.write(`${error.message}; trying again\n`);
    }
    if (!options.follow) return;
    await clock.sleep(options.every * 1_000);
  }
}

async function begun(
  parts: CommandParts,
  place: string | undefined,
  options: MonitorOptions,
  kept: KeptState | undefined,
): Promise<RecordMonitor> {
  const api = isUrl(place)
    ? await parts.api({ ...(place && { url: place }), ...(options.key && { key: options.key }) })
    : undefined;
  const vkey = options.vkey ?? kept?.vkey ?? (await keyOf(api));
  if (kept && kept.vkey !== vkey) {
    throw new UsageError(
      `${options.state} is of another key: a monitor of a new key or origin needs a --state of its own`,
    );
  }
  const source = api ? recordOfServer(api, { withTapes: options.tapes === true }) : recordInFolder(place as string);
  return new RecordMonitor({ source, verifierKey: vkey, lastNote: kept?.note });
}

async function keyOf(api: Api | undefined): Promise<string> {
  if (!api) throw new UsageError('--vkey: a folder does not say which key verifies its notes');
  return keysIn(await api.get<object>('/api/v1/record/key')).vkey;
}

async function keptIn(file: string): Promise<KeptState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  const { vkey, note } = (jsonIn(text) ?? {}) as Partial<KeptState>;
  if (typeof vkey === 'string' && typeof note === 'string') return { vkey, note };
  throw new UsageError(`--state: ${file} was not written by a monitor`);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** What the record contradicts is a failure of the record. Everything else means that it was not read. */
async function unlessUnread<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RecordWrong || error instanceof TooLong) throw new CommandFailed(error.message);
    if (error instanceof UsageError || error instanceof ReaderGone) throw error;
    throw new NotChecked(reasonOf(error), { cause: error });
  }
}

const textOf = ({ origin, size, root, chains, tapes, census }: MonitoredTree): string =>
  pairsOf([
    ['origin', origin],
    ['entries', size],
    ['root', root],
    ['chains', chains],
    ['compared tapes', tapes],
    ['census of entries', census],
  ]);
