import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { CommandBus } from '@nestjs/cqrs';
import { banner } from './banner.js';
import { Prompts } from './commands/prompts.js';
import { loadConfig } from './config.js';
import { createApp } from './create-app.js';
import { openEngines } from './engines.js';
import { openDefaultTenant } from './first-key.js';
import { Readiness } from './http/readiness.js';
import { limits } from './limits.js';

async function start(): Promise<() => Promise<void>> {
  const config = loadConfig();
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  const engines = await openEngines(config, (text) => process.stderr.write(`${text}\n`));
  const app = await createApp(engines, config, version);
  const readiness = app.get(Readiness);
  const stop = async () => {
    readiness.drain();
    await app.close();
    await engines.close();
  };
  try {
    // Listening first: a start that fails for a taken port must not have shown a key to nobody.
    await app.listen(config.port, config.host);
    await app.get(Prompts).warmUp();
    const firstKey = await openDefaultTenant(config, engines.log, app.get(CommandBus));
    readiness.serve();
    const address = await app.getUrl();
    process.stdout.write(banner(config, { version, address, logDescription: engines.logDescription, firstKey }));
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

const stopRequested = new Promise<void>((resolve) => {
  process.once('SIGTERM', () => resolve());
  process.once('SIGINT', () => resolve());
});

try {
  const stop = await Promise.race([start(), stopRequested]);
  // Told to stop while it was starting: what it has started ends with this process.
  if (!stop) process.exit(0);
  await stopRequested;
  // What does not end by itself in time is ended, so that no supervisor has to.
  setTimeout(() => process.exit(1), limits.stopDeadlineMs).unref();
  await stop();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exit(1);
}

/** An AggregateError, such as that of a host with two addresses, has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
