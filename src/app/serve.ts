import { join } from 'node:path';
import { CommandBus } from '@nestjs/cqrs';
import { systemClock } from '../adapters/system/system-clock.js';
import { Prompts } from '../commands/prompts.js';
import type { Config } from '../config.js';
import { Readiness } from '../http/readiness.js';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';
import { Drain } from '../sagas/generation-saga.js';
import { banner } from './banner.js';
import { createApp, type Surroundings } from './create-app.js';
import type { Engines } from './engines.js';
import { openDefaultTenant } from './first-key.js';
import { LogLevelFile } from './log-level-file.js';
import { requireIncarnation, wentBack } from './log-went-back.js';

export interface Serving {
  readonly stop: () => Promise<void>;
  /** Ends the drain of a stop: open generations are handed over at once. */
  readonly cutDrainShort: () => void;
  /** Resolves when the log has gone back, with a text for operators. The process must stop then. */
  readonly ended: Promise<string>;
}

/** Serves until it is stopped. */
export async function serve(
  engines: Engines,
  config: Config,
  version: string,
  surroundings: Surroundings,
): Promise<Serving> {
  // Before the application is built, because its parts read the log while they are built.
  const ended = wentBack(engines);
  const reasonOf = async (error: unknown) => {
    // A failover may have broken the connection. The next connection compares the newest event of the log.
    if (error instanceof RetryableError) await engines.log.head().catch(() => {});
    return engines.log.continuity.isBroken ? new Error(await ended, { cause: error }) : error;
  };
  const app = await createApp(engines, config, version, surroundings).catch(async (error) => {
    const reason = await reasonOf(error);
    await engines.close();
    throw reason;
  });
  const readiness = app.get(Readiness);
  const { log } = app.getHttpAdapter().getInstance();
  void engines.log.continuity.broken.then(({ message }) =>
    log.error({ reason: message }, 'the event log went back: this process records it, and stops'),
  );
  void ended.then((text) => log.error(text));
  const stopping = new AbortController();
  const levelFile = join(config.dataDir, 'live', 'log-level');
  const logLevel = new LogLevelFile(levelFile, config.logLevel, log, systemClock).follow(stopping.signal);
  const stop = async () => {
    readiness.drain();
    // A load balancer may have sent connections a moment ago. A closing server would reset those that it has not accepted.
    await systemClock.sleep(limits.lingerMs);
    await app.close();
    stopping.abort();
    await logLevel;
    await engines.close();
  };
  try {
    // Listen first: a start that fails because the port is taken must not create a key that no operator sees.
    await app.listen(config.port, config.host);
    await app.get(Prompts).warmUp();
    const firstKey = await openDefaultTenant(config, engines.log, app.get(CommandBus));
    await requireIncarnation(engines);
    readiness.serve();
    const address = await app.getUrl();
    process.stdout.write(banner(config, { version, address, logDescription: engines.logDescription, firstKey }));
  } catch (error) {
    const reason = await reasonOf(error);
    await stop();
    throw reason;
  }
  return { stop, ended, cutDrainShort: () => app.get(Drain).cutShort() };
}
