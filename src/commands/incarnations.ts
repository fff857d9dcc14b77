import { INCARNATIONS } from '../events/catalogue.js';
import { type Codec, ifKnown } from '../events/codec.js';
import type { Metadata, NewEvent } from '../events/envelope.js';
import type { Clock } from '../ports/clock.js';
import { LogUnavailable } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';

/** Incarnations belong to the whole log. Their events name the default tenant, which every log has. */
const TENANT = 'default';

export interface IncarnationParts {
  readonly log: Pick<EventLog, 'identity' | 'readStream' | 'append'>;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly ids: Ids;
}

/**
 * The names of all incarnations, oldest first. The first has the identity of the log as its name, each later one the id of
 * the event that began it. So a log that is restored twice from the same backup has three names, and none is reused.
 */
export async function incarnationsOf(
  log: Pick<EventLog, 'identity' | 'readStream'>,
): Promise<readonly [string, ...string[]]> {
  const began: string[] = [];
  for await (const page of log.readStream(INCARNATIONS)) began.push(...page.map(({ id }) => id));
  return [await log.identity(), ...began];
}

/** The actor of the event that began the present incarnation. Undefined for the first one. */
export async function beganBy(log: Pick<EventLog, 'readStream'>, codec: Codec): Promise<Metadata['actor'] | undefined> {
  for await (const page of log.readStream(INCARNATIONS, { direction: 'backwards', eventsMax: 1 })) {
    for (const last of await codec.decode(page)) return ifKnown(last)?.meta.actor;
  }
  return undefined;
}

/**
 * Begins a new incarnation, unless another process has begun one that is not among `known`. Returns the present one.
 * Throws LogUnavailable if the log cannot be written now.
 */
export async function beginIncarnation(
  parts: IncarnationParts,
  known: readonly string[],
  actor: Metadata['actor'],
): Promise<string> {
  for (;;) {
    const all = await incarnationsOf(parts.log);
    const present = all.at(-1) as string;
    if (!known.includes(present)) return present;
    const id = parts.ids.event();
    const events = await began(parts, id, actor);
    const { outcome } = await parts.log.append(INCARNATIONS, all.length === 1 ? 'none' : all.length - 2, events);
    if (outcome === 'unavailable') throw new LogUnavailable('the new incarnation of the log cannot be written now');
    if (outcome !== 'conflict') return id;
  }
}

async function began(
  { log, codec, clock, ids }: IncarnationParts,
  id: string,
  actor: Metadata['actor'],
): Promise<readonly NewEvent[]> {
  const commandId = ids.random();
  const data = { origin: `${await log.identity()}.${id}` };
  const at = new Date(clock.now()).toISOString();
  const meta = { actor, commandId, correlationId: commandId };
  return codec.encode(INCARNATIONS, [{ type: 'IncarnationBegan', data, id, tenant: TENANT, at, meta }]);
}
