import type pg from 'pg';
import { type BuiltFrom, LogOfViews } from '../adapters/postgres/log-of-views.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { beganBy, beginIncarnation, incarnationsOf } from '../commands/incarnations.js';
import { OPERATOR, WORKER } from '../commands/origin.js';
import { tenantStream } from '../domain/tenant.js';
import { createCodec } from '../events/codec.js';
import type { Position } from '../events/envelope.js';
import { foundOnSecondLook } from '../ports/continuity.js';
import type { EventLog } from '../ports/event-log.js';
import type { Keys } from '../ports/keys.js';
import { recordKeys } from '../projections/record-keys.js';

export interface ReopenedLog {
  readonly log: EventLog;
  readonly logDescription: string;
  /** The log and the views are in one database, so a restore takes both back to the same moment. */
  readonly isInDatabase: boolean;
}

/** Where the views are. */
interface ViewsDatabase {
  readonly connection: pg.ClientConfig;
  readonly description: string;
}

/** The incarnations of the log, and the tenants whose keys must be recorded again. */
interface Continued {
  /** All incarnations that there are; the last one is the present one. */
  readonly incarnations: readonly string[];
  readonly tenants: readonly string[];
}

/**
 * Checks that the views in the database were built from this log and its present incarnation. A log that lost events that a
 * reader has passed gets a new incarnation. Views that may hold lost events are dropped, and the parts that start later build
 * them again.
 */
export async function continueLog(
  opened: ReopenedLog,
  database: ViewsDatabase,
  keys: Keys,
  onNotice: (text: string) => void,
): Promise<readonly string[]> {
  const { log } = opened;
  const { incarnations, tenants } = await LogOfViews.alone(database.connection, (views) =>
    settle(opened, database, views, onNotice),
  );
  // At once: otherwise keys would be refused until the subscription has read the log up to their events.
  const record = recordKeys(createCodec(), keys);
  for (const tenant of tenants) {
    for await (const page of log.readStream(tenantStream(tenant))) for (const event of page) await record(event);
  }
  return incarnations;
}

async function settle(
  opened: ReopenedLog,
  database: ViewsDatabase,
  views: LogOfViews,
  onNotice: (text: string) => void,
): Promise<Continued> {
  const { log, logDescription, isInDatabase } = opened;
  const from = (await views.builtFrom()) ?? (await claimedFor(log, views));
  // Read without writing, because the configuration may name the wrong log.
  const identity = await log.knownIdentity();
  if (identity !== from.identity) throw builtFromAnother(from.identity, identity, logDescription, database);
  const gone = await goneOf(log, await views.positions());
  const before = await incarnationsOf(log);
  const isWhole = gone.length === 0 && before.includes(from.incarnation);
  if (isWhole && before.at(-1) === from.incarnation) return { incarnations: before, tenants: [] };
  const parts = { log, codec: createCodec(), clock: systemClock, ids: systemIds };
  // All positions here belong to this incarnation. The process that noticed the loss began a later one for it.
  const isRecorded = before.includes(from.incarnation) && before.at(-1) !== from.incarnation;
  const present = isRecorded ? before.at(-1) : await beginIncarnation(parts, before, WORKER);
  // A process that noticed the loss may have written lost events after log and views were put back together.
  const wasServed = isRecorded && (await beganBy(log, parts.codec))?.kind !== OPERATOR.kind;
  const mayHoldLost = !isWhole || !isInDatabase || wasServed;
  const { tenants } = mayHoldLost ? await views.forgetAll() : { tenants: [] };
  await views.goOnWith(present as string);
  onNotice(noticeOf(present as string, { gone, mayHoldLost, logDescription }));
  return { incarnations: await incarnationsOf(log), tenants };
}

async function claimedFor(log: EventLog, views: LogOfViews): Promise<BuiltFrom> {
  const from = { identity: await log.identity(), incarnation: (await incarnationsOf(log)).at(-1) as string };
  await views.claim(from);
  return from;
}

/** The positions that the log holds neither on the first look nor on the second. */
export async function goneOf(log: Pick<EventLog, 'holds'>, positions: readonly Position[]): Promise<Position[]> {
  let gone = [...positions];
  await foundOnSecondLook(async () => {
    const missing: Position[] = [];
    for (const position of gone) if (!(await log.holds(position))) missing.push(position);
    gone = missing;
    return gone.length === 0;
  });
  return gone;
}

function noticeOf(
  incarnation: string,
  facts: { gone: readonly Position[]; mayHoldLost: boolean; logDescription: string },
): string {
  const { gone, mayHoldLost, logDescription } = facts;
  return [
    `The event log (${logDescription}) is in a new incarnation: ${incarnation}.`,
    ...(gone.length > 0 ? [`  It lost events: readers of it had reached ${gone.join(', ')}.`] : []),
    mayHoldLost
      ? '  Read models, work and keys may hold lost events: they are dropped and built again from the log now.'
      : '  Read models, work and keys are as old as the log, and are kept.',
    '  The relay sends all events again, from the first, with the new ce_incarnation.',
    '  See docs/operations.md, "The log was restored, or failed over and lost its tail".',
  ].join('\n');
}

/** Views are never built from two logs: they would agree with neither. */
function builtFromAnother(
  expected: string,
  identity: string | undefined,
  logDescription: string,
  { description }: ViewsDatabase,
): Error {
  return new Error(
    `The read models in the ${description} were built from another log.\n` +
      `  They are of log ${expected}; ${logDescription} holds ${identity ? `log ${identity}` : 'a log without a name yet'}.\n` +
      '  Either open that log again: set EVENT_LOG_URL as it was, or unset it if the log was in the database;\n' +
      '  or let DATABASE_URL or VERBATIM_DATA_DIR name an empty database, and they are built anew there.',
  );
}
