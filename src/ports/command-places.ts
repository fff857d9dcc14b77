import type { CommandPlace } from './event-log.js';

/**
 * Where each command with an idempotency key acts, for a log that cannot record this together with the events. A command
 * has one place for ever, because it could act twice if the place moved while an append is under way.
 *
 * Throws RetryableError when the store is unavailable.
 */
export interface CommandPlaces {
  /** Records the place unless the command has one. Returns the recorded one. */
  claim(command: string, place: CommandPlace): Promise<ClaimedPlace>;

  /** The recorded place. Records nothing. */
  find(command: string): Promise<CommandPlace | undefined>;
}

export interface ClaimedPlace extends CommandPlace {
  /** True if this call has recorded it. */
  readonly isNew: boolean;
}
