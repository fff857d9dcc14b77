import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { CommandBus } from '@nestjs/cqrs';
import { banner } from './banner.js';
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
  const app = await createApp(engines, config.logLevel, version);
  const readiness = app.get(Readiness);
  const stop = async () => {
    readiness.drain();
    await app.close();
    await engines.close();
  };
  try {
    const firstKey = await openDefaultTenant(config, engines.log, app.get(CommandBus));
    await app.listen(config.port, config.host);
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
  process.once('SIGTERM', resolve);
  process.once('SIGINT', resolve);
});

try {
  const stop = await start();
  await stopRequested;
  // What does not end by itself in time is ended, so that no supervisor has to.
  setTimeout(() => process.exit(1), limits.stopDeadlineMs).unref();
  await stop();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
