import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { beginIncarnation, incarnationsOf } from '../commands/incarnations.js';
import { WORKER } from '../commands/origin.js';
import { createCodec } from '../events/codec.js';
import { limits } from '../limits.js';
import { foundOnSecondLook, type GoneEvent, type LogWentBack } from '../ports/continuity.js';
import { RetryableError } from '../ports/errors.js';
import type { LogWithoutCommands } from '../ports/event-log.js';
import type { Engines } from './engines.js';

type WatchedLog = Pick<Engines, 'log' | 'incarnations' | 'openLogAnew'>;

/**
 * Resolves when the log has gone back, with a text for operators. First it records a new incarnation, because the next start
 * could not detect that a log and its views went back together.
 */
export async function wentBack(engines: WatchedLog): Promise<string> {
  const cause = await engines.log.continuity.broken;
  const { first, most } = limits.reconnectBackoffMs;
  for (let pauseMs: number = first; ; pauseMs = Math.min(most, pauseMs * 2)) {
    try {
      return textOf(cause, await recorded(engines, cause));
    } catch (error) {
      if (!(error instanceof RetryableError)) return textOf(cause, { is: 'unrecorded', why: (error as Error).message });
      await sleep(pauseMs);
    }
  }
}

/** Breaks the log of this process if another process began an incarnation before this one followed the log. */
export async function requireIncarnation({ log, incarnations }: WatchedLog): Promise<void> {
  const present = (await incarnationsOf(log)).at(-1) as string;
  if (incarnations.at(-1) !== present) log.continuity.supersede(present);
}

type IncarnationCheck =
  | { readonly is: 'new incarnation'; readonly incarnation: string }
  | { readonly is: 'there again' }
  | { readonly is: 'unrecorded'; readonly why: string };

/** Opens the log again, because the log that went back refuses writes. If only a stale leader lacked the event, nothing is lost. */
async function recorded({ incarnations, openLogAnew }: WatchedLog, { gone }: LogWentBack): Promise<IncarnationCheck> {
  const log = await openLogAnew();
  try {
    if (gone && (await foundOnSecondLook(() => isThere(gone, log)))) return { is: 'there again' };
    const known = gone ? incarnations : [];
    const parts = { log, codec: createCodec(), clock: systemClock, ids: systemIds };
    return { is: 'new incarnation', incarnation: await beginIncarnation(parts, known, WORKER) };
  } finally {
    await log.close();
  }
}

async function isThere(gone: GoneEvent, log: LogWithoutCommands): Promise<boolean> {
  if ('position' in gone) return log.holds(gone.position);
  for await (const [event] of log.readStream(gone.stream, { from: gone.revision, eventsMax: 1 })) {
    return event?.id === gone.id;
  }
  return false;
}

function textOf(cause: LogWentBack, found: IncarnationCheck): string {
  return `${cause.message}.\n${whatNow(found)}`;
}

function whatNow(found: IncarnationCheck): string {
  switch (found.is) {
    case 'there again':
      return '  It has it again, so nothing is lost: a server that was behind had answered. Start the product again.';
    case 'unrecorded':
      return (
        `  A new incarnation of the log could not be recorded (${found.why}).\n` +
        '  Run `verbatim log restored` before the product is started again.'
      );
    case 'new incarnation':
      return (
        `  The log is now in incarnation ${found.incarnation}. This process stops; start the product again.\n` +
        '  The start drops read models, work and keys that may hold lost events, and builds them again from the log;\n' +
        '  `verbatim projections list` shows how far they are, and `verbatim projections rebuild <name>` repeats it for one.\n' +
        '  The relay sends all events again, from the first, with the new ce_incarnation: consumers begin anew with it.\n' +
        '  See docs/operations.md, "The log was restored, or failed over and lost its tail".'
      );
  }
}
