import type { CopyProgress, LogCopy } from '../cli/command-parts.js';
import { CommandFailed } from '../cli/failures.js';
import { beginIncarnation, type IncarnationParts, incarnationsOf } from '../commands/incarnations.js';
import { OPERATOR } from '../commands/origin.js';
import { type RecordedEvent, START } from '../events/envelope.js';
import { treesIn } from '../notary/record-check.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog, ExpectedRevision } from '../ports/event-log.js';
import { recordLimits } from '../record-limits.js';

type CopiedLog = Pick<EventLog, 'gapAfter' | 'readAll' | 'readStream'>;

export type CopySource = CopiedLog & Pick<EventLog, 'backlog' | 'identity' | 'knownIdentity'>;
export type CopyTarget = CopiedLog & Pick<EventLog, 'append' | 'identity'>;

/** Events of one stream that are appended together: those of one keyed command, or some without a key. */
interface Group {
  readonly stream: string;
  readonly command: string | undefined;
  readonly events: RecordedEvent[];
  bytes: number;
}

/**
 * Copies all events in their order, with their ids, texts, times and revisions, compares the trees of all tenants, and begins a
 * new incarnation in the target. Its copy is always a beginning of the source, so a call that was broken off is repeated.
 */
export async function copyLog(
  source: CopySource,
  target: CopyTarget,
  parts: Omit<IncarnationParts, 'log'>,
  onProgress: (progress: CopyProgress) => Promise<void>,
): Promise<LogCopy> {
  const identity = await source.knownIdentity();
  if (identity === undefined) throw new CommandFailed('There is no log to copy yet');
  if (identity === (await target.identity())) throw new CommandFailed('The target is the source');
  if ((await incarnationsOf(target)).length > (await incarnationsOf(source)).length) {
    throw new CommandFailed('The copy was completed before: the target has an incarnation of its own');
  }
  const { distance } = await source.backlog(START, 1);
  let events = 0;
  let copied = 0;
  let group: Group | undefined;
  let isKnown = true;
  for await (const page of source.readAll(START)) {
    isKnown &&= await holdsLast(target, page.events);
    for (const event of isKnown ? [] : page.events) {
      const isNext = copied > 0 || group !== undefined || !(await holds(target, event));
      if (!isNext) continue;
      if (group && !joins(group, event)) {
        copied += await written(target, group, parts.clock);
        group = undefined;
      }
      group ??= { stream: event.stream, command: keyedCommandOf(event), events: [], bytes: 0 };
      group.events.push(event);
      group.bytes += bytesOf(event);
    }
    events += page.events.length;
    const { distance: left } = await source.backlog(page.position, 1);
    await onProgress({ events, part: distance === 0 ? 1 : 1 - left / distance });
  }
  if (group) copied += await written(target, group, parts.clock);
  await requireSameEvents(source, target);
  const trees = await sameTrees(source, target);
  const known = await incarnationsOf(target);
  const incarnation = await beginIncarnation({ ...parts, log: target }, known, OPERATOR);
  return { events, copied, incarnation, trees };
}

async function holdsLast(target: CopiedLog, events: readonly RecordedEvent[]): Promise<boolean> {
  const last = events.at(-1);
  return last === undefined || (await holds(target, last));
}

async function holds(target: CopiedLog, { stream, revision, id }: RecordedEvent): Promise<boolean> {
  for await (const [event] of target.readStream(stream, { from: revision, eventsMax: 1 })) {
    if (event === undefined) return false;
    if (event.id === id) return true;
    throw new CommandFailed(`The target is another log: event ${revision} of ${stream} is not the one of the source`);
  }
  return false;
}

/** The events of a keyed command stay together, because its id is recorded with the first of them. */
function joins({ stream, command, events, bytes }: Group, event: RecordedEvent): boolean {
  if (event.stream !== stream || keyedCommandOf(event) !== command) return false;
  if (command !== undefined) return true;
  return events.length < recordLimits.copyEventsMax && bytes + bytesOf(event) < recordLimits.copyBytesMax;
}

const bytesOf = ({ data, meta }: RecordedEvent): number => Buffer.byteLength(data) + Buffer.byteLength(meta);

function keyedCommandOf({ meta }: RecordedEvent): string | undefined {
  const { fingerprint, commandId } = JSON.parse(meta);
  return fingerprint === undefined ? undefined : commandId;
}

async function written(target: CopyTarget, { stream, command, events }: Group, clock: Clock): Promise<number> {
  const first = events[0]?.revision ?? 0;
  const expected: ExpectedRevision = first === 0 ? 'none' : first - 1;
  for (let tries = 0; tries < recordLimits.copyTriesMax; tries++) {
    const outcome = await target.append(stream, expected, events, { command });
    switch (outcome.outcome) {
      case 'appended':
      case 'already-there':
        return events.length;
      case 'conflict':
      case 'command-known':
        throw new CommandFailed(`The target has events of its own: ${stream} is not as the source has it`);
      case 'unavailable':
        await clock.sleep(recordLimits.copyPauseMs);
    }
  }
  throw new CommandFailed('The target cannot be written now. Run the command again later: it goes on where it was');
}

/** The trees do not show what is on a tape that is not sealed. */
async function requireSameEvents(source: CopiedLog, target: CopiedLog): Promise<void> {
  const there = eventsOf(target);
  for await (const event of eventsOf(source)) {
    const { value: copy, done } = await there.next();
    if (!done && FIELDS.every((field) => copy[field] === event[field])) continue;
    throw new CommandFailed(`The copy differs from its source at event ${event.revision} of ${event.stream}`);
  }
  const { value: extra, done } = await there.next();
  if (!done) throw new CommandFailed(`The target has events of its own, such as ${extra.revision} of ${extra.stream}`);
}

const FIELDS = ['id', 'stream', 'revision', 'type', 'schema', 'tenant', 'at', 'data', 'meta'] as const;

async function* eventsOf(log: CopiedLog): AsyncGenerator<RecordedEvent, undefined> {
  for await (const { events } of log.readAll(START)) yield* events;
  return undefined;
}

async function sameTrees(source: CopiedLog, target: CopiedLog): Promise<LogCopy['trees']> {
  const [before, after] = [await wholeTrees(source), await wholeTrees(target)];
  const differ = before.filter(({ tenant, size, root }) => {
    const there = after.find((tree) => tree.tenant === tenant);
    return there?.size !== size || there.root !== root;
  });
  if (differ.length === 0 && after.length === before.length) return after;
  const tenants = differ.map(({ tenant }) => tenant).join(', ');
  throw new CommandFailed(`The copy differs from its source, in the record of: ${tenants || 'tenants of its own'}`);
}

async function wholeTrees(log: CopiedLog) {
  const trees = await treesIn(log);
  const broken = trees.find(({ mistakes }) => mistakes.length > 0);
  if (broken) throw new CommandFailed(`The log is damaged: ${broken.tenant}: ${broken.mistakes[0]}`);
  return trees.map(({ tenant, size, root }) => ({ tenant, size, root: root.toString('base64') }));
}
