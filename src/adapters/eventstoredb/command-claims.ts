import type { NewEvent } from '../../events/envelope.js';
import type { CommandPlaces } from '../../ports/command-places.js';
import { RetryableError } from '../../ports/errors.js';
import type {
  AppendOptions,
  AppendOutcome,
  CommandPlace,
  EventLog,
  ExpectedRevision,
  LogWithoutCommands,
} from '../../ports/event-log.js';
import { ForwardedLog } from '../event-log/forwarded-log.js';

/**
 * Lets a command act once on a log that cannot record its id together with its events. Directly before the append it claims
 * the command's place in another store. The place never moves: if the process dies in between, the place has no events, and
 * the command can act only in this stream. So the stream, read from the place on, shows whether a command has acted.
 */
export class CommandClaims extends ForwardedLog implements EventLog {
  constructor(
    protected readonly log: LogWithoutCommands,
    private readonly places: CommandPlaces,
  ) {
    super();
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const { command, user } = options;
    const append = () => this.log.append(stream, expected, events, { user });
    if (command === undefined) return append();
    const first = expected === 'none' ? 0 : expected + 1;
    let known: CommandPlace | undefined;
    let isThere = false;
    try {
      known = await this.claim(command, { stream, revision: first });
      // As on every engine, compare the ids before the command: it may be this same call, whose answer was lost.
      if (known) isThere = await this.hasThere(stream, first, events);
    } catch (error) {
      if (error instanceof RetryableError) return { outcome: 'unavailable', maybeWritten: false };
      throw error;
    }
    return known && !isThere ? { outcome: 'command-known', ...known } : append();
  }

  async findCommand(command: string): Promise<CommandPlace | undefined> {
    const place = await this.places.find(command);
    return place && this.actedAt(command, place);
  }

  /** The place where the command has acted, or another stream where only it may act. Undefined if it may act here. */
  private async claim(command: string, wanted: CommandPlace): Promise<CommandPlace | undefined> {
    const { isNew, ...place } = await this.places.claim(command, wanted);
    if (isNew) return undefined;
    return place.stream === wanted.stream ? this.actedAt(command, place) : place;
  }

  private async hasThere(stream: string, first: number, events: readonly NewEvent[]): Promise<boolean> {
    const ids: string[] = [];
    const options = { from: first, eventsMax: events.length };
    for await (const page of this.log.readStream(stream, options)) ids.push(...page.map(({ id }) => id));
    return events.every(({ id }, nth) => id === ids[nth]);
  }

  private async actedAt(command: string, { stream, revision }: CommandPlace): Promise<CommandPlace | undefined> {
    for await (const page of this.log.readStream(stream, { from: revision })) {
      const first = page.find(({ meta }) => commandIdIn(meta) === command);
      if (first) return { stream, revision: first.revision };
    }
    return undefined;
  }
}

/** Undefined for damaged metadata, which the reader of the event reports. */
function commandIdIn(meta: string): unknown {
  try {
    return JSON.parse(meta)?.commandId;
  } catch {
    return undefined;
  }
}
