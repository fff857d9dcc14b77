import { type Command, InvalidArgumentError, Option } from 'commander';
import { isPurpose, type Look, PURPOSE_RULE } from '../domain/access.js';
import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { checkStreamName, InvalidStreamName } from '../ports/log-rules.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { eventJson, eventLine } from './event-text.js';
import { CommandFailed, UsageError } from './failures.js';
import { lookAtStream, writingAfterLooks } from './log-looks.js';
import type { OpenedLog } from './opened-log.js';
import { jsonLine } from './output.js';
import { copyProgressOn } from './progress.js';
import { counted } from './table.js';
import { follow, newest, type WriteEvent, writeAfter } from './tail.js';
import { visible } from './visible.js';

interface LookOptions extends JsonOption {
  readonly purpose?: string;
}

interface TailOptions extends LookOptions {
  readonly lines: number;
  readonly from?: string;
  readonly category?: string;
  readonly follow?: true;
}

export function addLog(program: Command, parts: CommandParts): void {
  const group = program.command('log').description('read the recorded events, or begin a new incarnation');
  withJson(group.command('tail'))
    .description('the newest events of all streams')
    .addOption(new Option('-n, --lines <count>', 'how many').argParser(countIn).default(20))
    .addOption(new Option('--from <position>', 'all events after this position instead').conflicts('lines'))
    .option('--category <name>', 'only streams of this category, such as conversation', categoryIn)
    .option('-f, --follow', 'also show new events, until it is stopped')
    .addOption(purposeOption())
    .action((options) => tail(parts, options));
  withJson(group.command('show'))
    .description('all events of one stream')
    .argument('<stream>', 'such as tenant-default', streamIn)
    .addOption(purposeOption())
    .action((stream, options) => show(parts, stream, options));
  withJson(group.command('restored'))
    .description('begin a new incarnation of the log, after a restore of log and views together')
    .action((options) => restored(parts, options));
  withJson(group.command('copy'))
    .description(
      'copy the log into an empty one, on any engine, compare the records of all tenants, and begin a new incarnation there; ' +
        'repeat the command after an interruption',
    )
    .requiredOption('--to <place>', 'a URL of PostgreSQL or EventStoreDB, or a data directory')
    .option(
      '--database <place>',
      'for EventStoreDB: the database that the product will use beside it (URL or data directory)',
    )
    .action((options) => copy(parts, options));
}

interface CopyOptions extends JsonOption {
  readonly to: string;
  readonly database?: string;
}

async function copy(parts: CommandParts, { to, database, json }: CopyOptions): Promise<void> {
  const progress = copyProgressOn(parts.err);
  const copied = await parts.copyLog({ log: to, database }, progress.show).finally(progress.clear);
  const text = [
    `${counted(copied.events)} events are there, ${counted(copied.copied)} of them copied now.`,
    `The records of ${copied.trees.length} tenants are the same. The new incarnation is ${copied.incarnation}.`,
    'Start the product there, and never again on the old log.',
  ];
  await parts.out.write(json ? jsonLine(copied) : `${text.join('\n')}\n`);
}

async function restored({ restored: begin, out }: CommandParts, { json }: JsonOption): Promise<void> {
  const begun = await begin();
  const { log, incarnation } = begun;
  const text = [
    `Log ${log} is now in incarnation ${incarnation}.`,
    'Running servers stop: start them again.',
    'The next start drops read models, work and keys that may hold lost events, and builds them again from the log.',
    'The relay sends all events again, from the first, with the new ce_incarnation.',
  ];
  await out.write(json ? jsonLine(begun) : `${text.join('\n')}\n`);
}

async function tail(parts: CommandParts, options: TailOptions): Promise<void> {
  const filter = options.category === undefined ? {} : { categories: [options.category] };
  await withLog(parts, options.follow === true, async (opened) => {
    const write = writingAfterLooks(opened, lookAtLogBy(options), writerOf(parts, opened, options));
    const reached = await writeFirst(opened, options, write);
    if (options.follow) await follow(opened.log, reached, { filter, write, clock: parts.clock });
  });

  async function writeFirst(opened: OpenedLog, { from, lines }: TailOptions, write: WriteEvent) {
    if (from !== undefined) return writeAfter(opened.log, positionIn(from, opened), filter, write);
    const { events, position } = await newest(opened, lines, filter);
    for (const event of events) await write(event);
    return position;
  }
}

const lookAtLogBy =
  ({ from, category, follow, purpose }: TailOptions) =>
  ({ tenant }: RecordedEvent): Look => {
    return { what: 'log_tail', objects: [{ kind: 'log', id: tenant }], filters: { from, category, follow }, purpose };
  };

async function show(parts: CommandParts, stream: string, options: LookOptions): Promise<void> {
  await withLog(parts, false, async (opened) => {
    const lookAt = (event: RecordedEvent) => lookAtStream(event, options.purpose);
    const write = writingAfterLooks(opened, lookAt, writerOf(parts, opened, options));
    let isThere = false;
    for await (const events of opened.log.readStream(stream)) {
      isThere = true;
      for (const event of events) await write(event);
    }
    if (!isThere) throw new CommandFailed(`There is no stream ${stream}`);
  });
}

const writerOf = ({ out }: CommandParts, { positions }: OpenedLog, { json }: JsonOption): WriteEvent =>
  json ? (event) => out.write(eventJson(event)) : (event) => out.write(eventLine(event, positions));

async function withLog(
  { openLog }: CommandParts,
  follows: boolean,
  work: (opened: OpenedLog) => Promise<void>,
): Promise<void> {
  const opened = await openLog({ follow: follows });
  try {
    await work(opened);
  } finally {
    await opened.close();
  }
}

function positionIn(text: string, { positions }: OpenedLog) {
  const position = positions.parse(text);
  if (position === undefined) throw new UsageError(visible(`--from: "${text}" is not a position of this log`));
  return position;
}

const purposeOption = () =>
  new Option('--purpose <text>', 'why you look at the events: the access trail keeps it').argParser(purposeIn);

function purposeIn(text: string): string {
  if (!isPurpose(text)) throw new InvalidArgumentError(PURPOSE_RULE);
  return text;
}

function countIn(text: string): number {
  const count = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= limits.tailEventsMax) return count;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${limits.tailEventsMax}`);
}

function categoryIn(text: string): string {
  if (/^[a-z]+$/.test(text)) return text;
  throw new InvalidArgumentError('expected lower-case letters: the name of a stream before its first "-"');
}

function streamIn(text: string): string {
  try {
    checkStreamName(text);
    return text;
  } catch (error) {
    if (!(error instanceof InvalidStreamName)) throw error;
    throw new InvalidArgumentError('expected <category>-<id> of letters, digits, "_" and "-"');
  }
}
