import type { NewEvent, Position } from '../../events/envelope.js';
import type { BackgroundHealth } from '../../ports/background-health.js';
import type { CommandPlaces } from '../../ports/command-places.js';
import { RetryableError } from '../../ports/errors.js';
import type {
  AllStreamsFilter,
  AppendOptions,
  AppendOutcome,
  CommandPlace,
  EventLog,
  ExpectedRevision,
  LogWithoutCommands,
  ReadStreamOptions,
} from '../../ports/event-log.js';

/**
 * Lets a command act once on a log that cannot record its id together with its events. Directly before the append the
 * command's place is claimed in another store, and never moves: a process that died in between leaves a place without
 * events, where only this stream can act. So whether a command has acted is read in its stream, from its place on.
 */
export class CommandClaims implements EventLog {
  readonly continuity;

  constructor(
    private readonly log: LogWithoutCommands,
    private readonly places: CommandPlaces,
  ) {
    this.continuity = log.continuity;
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const { command, user } = options;
    if (command === undefined) return this.log.append(stream, expected, events, { user });
    const first = expected === 'none' ? 0 : expected + 1;
    const place = await this.claim(command, { stream, revision: first });
    if (place === undefined) return { outcome: 'unavailable', maybeWritten: false };
    if (place !== 'new') {
      if (place.stream !== stream) return { outcome: 'command-known', ...place };
      const acted = await this.actedAt(command, place);
      // At the expected revision it may be this same call, whose answer was lost: the log recognises its ids.
      if (acted && acted.revision !== first) return { outcome: 'command-known', ...acted };
      if (acted) return this.again(acted, expected, events, user);
    }
    return this.log.append(stream, expected, events, { user });
  }

  async findCommand(command: string): Promise<CommandPlace | undefined> {
    const place = await this.places.find(command);
    return place && this.actedAt(command, place);
  }

  readStream(stream: string, options?: ReadStreamOptions) {
    return this.log.readStream(stream, options);
  }

  readAll(after: Position, filter?: AllStreamsFilter) {
    return this.log.readAll(after, filter);
  }

  subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter) {
    return this.log.subscribe(after, signal, filter);
  }

  head() {
    return this.log.head();
  }

  holds(position: Position) {
    return this.log.holds(position);
  }

  parsePosition(text: string) {
    return this.log.parsePosition(text);
  }

  backlog(after: Position, countMax: number, filter?: AllStreamsFilter) {
    return this.log.backlog(after, countMax, filter);
  }

  identity() {
    return this.log.identity();
  }

  knownIdentity() {
    return this.log.knownIdentity();
  }

  reportTo(health: BackgroundHealth): void {
    this.log.reportTo?.(health);
  }

  close() {
    return this.log.close();
  }

  private async claim(command: string, wanted: CommandPlace): Promise<CommandPlace | 'new' | undefined> {
    try {
      const { isNew, ...place } = await this.places.claim(command, wanted);
      return isNew ? 'new' : place;
    } catch (error) {
      if (error instanceof RetryableError) return undefined;
      throw error;
    }
  }

  private async actedAt(command: string, { stream, revision }: CommandPlace): Promise<CommandPlace | undefined> {
    for await (const page of this.log.readStream(stream, { from: revision })) {
      const first = page.find(({ meta }) => commandIdIn(meta) === command);
      if (first) return { stream, revision: first.revision };
    }
    return undefined;
  }

  private async again(
    acted: CommandPlace,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    user: string | undefined,
  ): Promise<AppendOutcome> {
    const outcome = await this.log.append(acted.stream, expected, events, { user });
    return outcome.outcome === 'conflict' ? { outcome: 'command-known', ...acted } : outcome;
  }
}

/** Damaged metadata names no command: the reader of the event reports it. */
function commandIdIn(meta: string): unknown {
  try {
    return JSON.parse(meta)?.commandId;
  } catch {
    return undefined;
  }
}
