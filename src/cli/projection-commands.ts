import type { Command } from 'commander';
import { type CommandParts, type ServerCommandOptions, withJson, withServer } from './command-parts.js';
import { CommandFailed, UsageError } from './failures.js';
import { jsonLine } from './output.js';
import { progressOn } from './progress.js';
import { type Rebuilt, type ReplayedAll, rebuild, replay, replayAll } from './rebuild.js';
import { type Reconciled, reconciled } from './reconciliation.js';
import { type ProjectionStanding, poisonText, standingOf, standings } from './standing.js';
import { counted, tableOf } from './table.js';

export function addProjections(program: Command, parts: CommandParts): void {
  const group = program.command('projections').description('the read models of a running server');
  withServer(withJson(group.command('list')))
    .description('show lag, state and parked streams of each read model')
    .action((options) => list(parts, options));
  withServer(withJson(group.command('check')))
    .description('compare the number of events in the log with the number that each read model has applied')
    .argument('[name]', 'only this projection')
    .action((name, options) => check(parts, name, options));
  withServer(withJson(group.command('rebuild')))
    .description('rebuild a read model beside the live one, and wait for the swap')
    .argument('<name>')
    .action((name, options) => rebuildOne(parts, name, options));
  withServer(withJson(group.command('parked')))
    .description('list streams that were parked because an event could not be applied')
    .argument('[name]', 'only of this projection')
    .action((name, options) => listParked(parts, name, options));
  withServer(withJson(group.command('replay')))
    .description('replay a parked stream from its beginning, and wait for the result')
    .argument('[name]', 'the projection; optional with --all')
    .argument('[stream]')
    .option('--all', 'all parked streams instead of one')
    .action((name, stream, options) => replayAsked(parts, name, stream, options));
}

async function list({ api, out }: CommandParts, options: ServerCommandOptions): Promise<void> {
  const answer = await standings(await api(options));
  await out.write(options.json ? jsonLine(answer) : standingsText(answer.items));
}

const COLUMNS = ['name', 'version', 'build', 'state', 'lag', 'behind', 'handled', 'parked', 'rebuild'];

export function standingsText(items: readonly ProjectionStanding[]): string {
  const rows = items.map(({ name, version, build, state, lag, handled, parked, rebuild: next }) => [
    ...[name, version, build, state, lagText(lag), `${Math.ceil(lag.seconds)} s`, handled, parked.length],
    next && `build ${next.build}, ${counted(next.handled)} events`,
  ]);
  const builds = items.flatMap((item) =>
    [item, ...(item.rebuild ? [item.rebuild] : [])].map((build) => ({ item, build })),
  );
  const stops = builds.flatMap(({ item, build }) =>
    build.poison ? [`${item.name}, build ${build.build}: ${poisonText(build.poison)}\n`] : [],
  );
  return [tableOf(COLUMNS, rows), ...stops].join('');
}

/** The lag in events, or in positions if the log does not count events. */
function lagText({ events, distance, estimated }: ProjectionStanding['lag']): string {
  if (events === null) return distance === 0 ? '0' : `${counted(distance)} positions`;
  return `${counted(events)}${estimated ? '+' : ''}`;
}

async function check(parts: CommandParts, name: string | undefined, options: ServerCommandOptions): Promise<void> {
  const asked = await parts.api(options);
  const standing = name === undefined ? (await standings(asked)).items : [await standingOf(asked, name)];
  const followed = await parts.projections();
  const opened = await parts.openLog({ follow: false });
  const items: Reconciled[] = [];
  try {
    for (const each of standing) items.push(await reconciled(opened.log, followed, each));
  } finally {
    await opened.close();
  }
  await parts.out.write(options.json ? jsonLine({ items }) : reconciledText(items));
  const wrong = items.filter(({ handled, expected }) => handled !== expected).map((item) => item.name);
  if (wrong.length > 0) throw new CommandFailed(`Differs from the log: ${wrong.join(', ')}. Rebuild it`);
}

function reconciledText(items: readonly Reconciled[]): string {
  const rows = items.map(({ name, build, handled, expected }) => [name, build, handled, expected, handled - expected]);
  return tableOf(['name', 'build', 'handled', 'in the log', 'difference'], rows);
}

async function rebuildOne(parts: CommandParts, name: string, options: ServerCommandOptions): Promise<void> {
  const { api, clock, out, err } = parts;
  const progress = progressOn(err, name);
  const end = await rebuild(await api(options), name, clock, async (steps) => {
    if (!options.json) await progress.show(steps);
  });
  if (options.json) await out.write(jsonLine(end));
  else await progress.clear();
  if (end.poison) throw new CommandFailed(`The rebuild of ${name} has stopped: ${poisonText(end.poison)}`);
  if (!options.json) await out.write(rebuiltText(end));
}

export function rebuiltText({ name, build, handled, seconds, parked }: Rebuilt): string {
  const aside = parked > 0 ? `; parked streams: ${parked}` : '';
  return `${name}: build ${build} is live, with ${counted(handled)} events, after ${seconds.toFixed(1)} s${aside}\n`;
}

async function listParked(
  { api, out }: CommandParts,
  name: string | undefined,
  options: ServerCommandOptions,
): Promise<void> {
  const asked = await api(options);
  const projections = name === undefined ? (await standings(asked)).items : [await standingOf(asked, name)];
  const items = projections.flatMap(({ name: projection, parked }) => parked.map((each) => ({ projection, ...each })));
  if (options.json) return out.write(jsonLine({ items }));
  const rows = items.map(({ projection, stream, at }) => [projection, at, stream]);
  const reasons = items.map(({ stream, poison }) => `${stream}: ${poisonText(poison)}\n`);
  await out.write(
    items.length > 0 ? tableOf(['projection', 'since', 'stream'], rows) + reasons.join('') : 'Nothing is parked.\n',
  );
}

interface ReplayOptions extends ServerCommandOptions {
  readonly all?: boolean;
}

async function replayAsked(
  parts: CommandParts,
  name: string | undefined,
  stream: string | undefined,
  options: ReplayOptions,
): Promise<void> {
  if (options.all && stream === undefined) return replayEach(parts, name, options);
  if (!options.all && name !== undefined && stream !== undefined) return replayOne(parts, name, stream, options);
  throw new UsageError('Name a projection and a stream, or use --all, with or without a projection');
}

async function replayEach(
  { api, clock, out }: CommandParts,
  name: string | undefined,
  options: ServerCommandOptions,
): Promise<void> {
  const asked = await api(options);
  const standing = name === undefined ? (await standings(asked)).items : [await standingOf(asked, name)];
  const items: ReplayedAll[] = [];
  for (const each of standing) {
    if (each.parked.length > 0) items.push(await replayAll(asked, each.name, clock));
  }
  if (options.json) await out.write(jsonLine({ items }));
  else await out.write(items.length > 0 ? items.map(replayedText).join('') : 'Nothing is parked.\n');
  const again = items.filter(({ parked }) => parked > 0).map((item) => item.name);
  if (again.length > 0) throw new CommandFailed(`Streams are parked again in ${again.join(', ')}`);
}

const replayedText = ({ name, replayed, parked }: ReplayedAll): string =>
  `${name}: ${replayed} streams replayed, ${parked} parked again\n`;

async function replayOne(
  { api, clock, out }: CommandParts,
  name: string,
  stream: string,
  options: ServerCommandOptions,
): Promise<void> {
  const end = await replay(await api(options), name, stream, clock);
  const poison = end === true ? null : end;
  if (options.json) await out.write(jsonLine({ name, stream, state: poison ? 'parked' : 'replayed', poison }));
  if (poison) throw new CommandFailed(`${stream} is parked again: ${poisonText(poison)}`);
  if (!options.json) await out.write(`${stream} is replayed in ${name}\n`);
}
