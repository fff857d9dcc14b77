import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { ListedRun, Run } from '../domain/conversation/run.js';
import { pathOf } from './api.js';
import { type CommandParts, type ServerCommandOptions, withJson, withServer } from './command-parts.js';
import { CommandFailed } from './failures.js';
import { jsonLine } from './output.js';
import { runsText, runText } from './run-text.js';

const FILTERS = {
  conversation: 'runs of this conversation',
  user: 'runs in conversations of this user',
  model: 'runs that requested this model',
  status: 'queued, streaming, final, cancelled or error',
  from: 'requested at this time or later: a day (UTC) or an instant, ISO 8601',
  to: 'requested before this time',
  q: 'words of the question or of the answer',
  limit: 'number of runs on a page',
  before: 'the page after the one that printed this value',
} as const;

type ListOptions = ServerCommandOptions & Readonly<Partial<Record<keyof typeof FILTERS, string>>>;

export function addRuns(program: Command, parts: CommandParts): void {
  const group = program.command('runs').description('the audit table: prompts, requests and answers');
  const list = withServer(withJson(group.command('list'))).description('list runs, newest first');
  for (const [name, description] of Object.entries(FILTERS))
    list.addOption(new Option(`--${name} <value>`, description));
  list.action((options) => listRuns(parts, options));
  withServer(withJson(group.command('show')))
    .description('show everything recorded of one run')
    .argument('<id>')
    .action((id, options) => showRun(parts, id, options));
  withServer(group.command('request'))
    .description('write the exact bytes that were sent to the model, after a check of their hash')
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
