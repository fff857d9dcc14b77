import { type Command, InvalidArgumentError } from 'commander';
import type { CommandParts, WitnessOptions } from './command-parts.js';
import { jsonLine } from './output.js';

export function addWitness(program: Command, parts: CommandParts): void {
  program
    .command('witness')
    .description('run a witness: it cosigns checkpoints of logs that it trusts, and refuses a second history of one')
    .requiredOption(
      '--dir <folder>',
      'holds its key and what it has cosigned; of one witness alone, and never restored',
    )
    .requiredOption('--name <name>', 'the name of its key, for example witness.example/w1', keyName)
    .requiredOption(
      '--trust <prefix=vkey...>',
      'cosign origins that begin with this, signed with this key (GET /api/v1/record/key of any tenant has it)',
    )
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 takes a free one', portIn, 3800)
    .action((options: WitnessOptions) => run(parts, options));
}

async function run({ witness, out, err }: CommandParts, options: WitnessOptions): Promise<void> {
  const onLine = (facts: object) => void err.write(jsonLine(facts)).catch(() => {});
  const { verifierKey, url, ended } = await witness(options, onLine);
  await out.write(jsonLine({ vkey: verifierKey, url }));
  await ended();
}

function keyName(text: string): string {
  if (!/^[^\s+,]{1,200}$/.test(text))
    throw new InvalidArgumentError('expected a name without spaces, plus signs and commas');
  return text;
}

function portIn(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('expected a port from 0 to 65535');
  return port;
}
