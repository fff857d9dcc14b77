// A program: the product as main.ts starts it, but its log may kill it. Configured like the product; it takes
// `--die-at=<failpoint>:<hit>`, and `--never-lets-go` for a worker that does not notice that its time has run out.
// It begins when it is told to, by anything on its standard input: loading it takes longer than all the rest.
import 'reflect-metadata';
import { once } from 'node:events';
import { CommandBus } from '@nestjs/cqrs';
import { createApp } from '../../src/app/create-app.js';
import { type Engines, openEngines } from '../../src/app/engines.js';
import { openDefaultTenant } from '../../src/app/first-key.js';
import { loadConfig } from '../../src/config.js';
import { Readiness } from '../../src/http/readiness.js';
import { WorkerLives } from '../../src/sagas/worker-lives.js';
import { dyingAt, dyingInStep, FAILPOINTS, report } from './failpoints.js';

const options = process.argv.slice(2);
const [name, hit = '1'] = (given('--die-at=') ?? '').split(':');
const failpoint = FAILPOINTS.find((each) => each === name);
if (name && !failpoint) throw new Error(`${name} is no failpoint`);

// Whoever started it may die as well, and must leave nothing running.
process.stdin.once('end', () => process.exit(1));

async function run(): Promise<void> {
  await once(process.stdin, 'data');

  const config = loadConfig();
  const say = (text: string) => void process.stderr.write(`${text.trimEnd()}\n`);
  const opened = await openEngines(config, say);
  const engines: Engines = {
    ...opened,
    log: dyingAt(opened.log, failpoint, Number(hit)),
    lanes: dyingInStep(opened.lanes, failpoint, Number(hit)),
    work: options.includes('--never-lets-go') ? withoutLoss(opened.work) : opened.work,
  };
  const app = await createApp(engines, config, '0.0.0', { logTo: { write: say } });
  const readiness = app.get(Readiness);
  await app.listen(config.port, config.host);
  await openDefaultTenant(config, engines.log, app.get(CommandBus));
  readiness.serve();
  report({ listening: await app.getUrl() });
}

void run();

/** Whatever became of it, the worker believes that it lives: only the log can refuse it. */
function withoutLoss(work: Engines['work']): Engines['work'] {
  Object.assign(WorkerLives.prototype, { end: () => {} });
  return Object.assign(Object.create(work), {
    renew: async (...args: Parameters<Engines['work']['renew']>) => {
      work.renew(...args).catch(() => {});
      return true;
    },
  });
}

function given(option: string): string | undefined {
  return options.find((each) => each.startsWith(option))?.slice(option.length);
}
