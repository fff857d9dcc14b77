import type { Metadata } from '../events/envelope.js';

/**
 * An event as a fold sees it. A decoded event of the log is one; so is one that a decision only foresees, which has no
 * stream and no revision yet, and that is why this asks for less than the log gives.
 */
export type Recorded<Event> = Event & {
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly meta: Pick<Metadata, 'commandId' | 'correlationId' | 'fingerprint' | 'owner' | 'traceparent'>;
};
