import type { Command } from 'commander';
import { type Api, pathOf } from './api.js';
import { type CommandParts, type ServerCommandOptions, withJson, withServer } from './command-parts.js';
import { jsonLine } from './output.js';
import { progressOn } from './progress.js';
import { watched } from './rebuild.js';
import { counted } from './table.js';

interface Rotation {
  readonly generation: number | null;
  readonly state: 'running' | 'waiting' | 'done';
  readonly keys: { readonly done: number; readonly total: number };
  readonly copiesUnreadableAt: string | null;
}

const PATH = pathOf('keys', 'rotate-master');

export function addKeys(program: Command, parts: CommandParts): void {
  const group = program.command('keys').description('the keys that protect what people wrote');
  withServer(withJson(group.command('rotate')))
    .description('replace the master key: wrap all keys again, then destroy the old master key')
    .action((options) => rotate(parts, options));
}

/** The server continues the rotation if this command ends. */
async function rotate({ api, clock, out, err }: CommandParts, options: ServerCommandOptions): Promise<void> {
  const asked: Api = await api(options);
  await asked.post(PATH);
  const progress = progressOn(err, 'keys', 'keys');
  let done = -1;
  const end = await watched(clock, 'the rotation of the master key', async (moved) => {
    const rotation = await asked.get<Rotation>(PATH);
    if (rotation.state !== 'running') return rotation;
    if (rotation.keys.done !== done) moved();
    done = rotation.keys.done;
    if (!options.json) await progress.show({ done, of: rotation.keys.total });
    return undefined;
  });
  if (options.json) return out.write(jsonLine(end));
  await progress.clear();
  await out.write(rotatedText(end));
}

export function rotatedText({ generation, state, keys, copiesUnreadableAt }: Rotation): string {
  const rewrapped = `The master key has generation ${generation}, and ${counted(keys.total)} keys are wrapped under it.\n`;
  return state === 'done'
    ? `${rewrapped}The old master key was destroyed at ${copiesUnreadableAt}: older copies of keys are unreadable.\n`
    : `${rewrapped}Now remove the old master key from VERBATIM_MASTER_KEY, destroy its copies, and restart all processes: ` +
        'until then older copies of keys can be read.\n';
}
