import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import { pathOf } from './api.js';
import { type CommandParts, type ServerCommandOptions, withJson, withServer } from './command-parts.js';
import { CommandFailed } from './failures.js';
import { jsonLine } from './output.js';
import { type ListedRun, type Run, runsText, runText } from './run-text.js';

const FILTERS = {
  conversation: 'of this conversation',
  user: 'of conversations of this user',
  model: 'for which this model was asked',
  status: 'queued, streaming, final, cancelled or error',
  from: 'asked for from then on: a day (UTC) or an instant, ISO 8601',
  to: 'asked for before then',
  q: 'words of the question or of the answer',
  limit: 'how many on a page',
  before: 'the next page, as the one before names it',
} as const;

type ListOptions = ServerCommandOptions & Readonly<Partial<Record<keyof typeof FILTERS, string>>>;

export function addRuns(program: Command, parts: CommandParts): void {
  const group = program.command('runs').description('prompt runs: what was asked, what was sent, what came back');
  const list = withServer(withJson(group.command('list'))).description('the latest first');
  for (const [name, description] of Object.entries(FILTERS))
    list.addOption(new Option(`--${name} <value>`, description));
  list.action((options) => listRuns(parts, options));
  withServer(withJson(group.command('show')))
    .description('all that is known of one')
    .argument('<id>')
    .action((id, options) => showRun(parts, id, options));
  withServer(group.command('request'))
    .description('the exact bytes that were sent to the model, held against their hash')
    .argument('<id>')
    .action((id, options) => writeRequest(parts, id, options));
}

async function listRuns({ api, out, err }: CommandParts, options: ListOptions): Promise<void> {
  const { url: _, key: __, json, ...filters } = options;
  const answer = await (await api(options)).get<{ items: readonly ListedRun[]; next: string | null }>(
    pathOf('runs'),
    filters,
  );
  await out.write(json ? jsonLine(answer) : runsText(answer.items));
  if (!json && answer.next !== null) await err.write(`There are more: --before ${answer.next}\n`);
}

async function showRun({ api, out }: CommandParts, id: string, options: ServerCommandOptions): Promise<void> {
  const run = await (await api(options)).get<Run>(pathOf('runs', id));
  await out.write(options.json ? jsonLine(run) : runText(run));
}

async function writeRequest({ api, out }: CommandParts, id: string, options: ServerCommandOptions): Promise<void> {
  const { bytes, headers } = await (await api(options)).bytes(pathOf('runs', id, 'request'));
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const promised = headers.get('repr-digest');
  if (promised !== digest) {
    const what = promised === null ? 'came without a Repr-Digest' : 'do not match their Repr-Digest';
    throw new CommandFailed(`The bytes of this request ${what}: nothing was written`);
  }
  await out.write(bytes);
}
