import type { Metadata } from '../events/envelope.js';

/**
 * The parts of an event that a fold reads. Decoded events of the log have them, and so have the events of a decision that is
 * not appended, which have no stream and no revision.
 */
export type Recorded<Event> = Event & {
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly meta: Pick<Metadata, 'commandId' | 'correlationId' | 'fingerprint' | 'owner' | 'traceparent'>;
};
