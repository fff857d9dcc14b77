import { randomUUID } from 'node:crypto';
import type { NewEvent } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { newEvent } from './new-events.js';

/** An event as a command would have appended it, to fill a conversation past the commands. */
export function said(conversation: string, text: string, kind: 'message' | 'note'): NewEvent {
  const commandId = randomUUID();
  const actor = { id: 'admin', kind: 'user' };
  return newEvent(
    {
      type: 'MessageSent',
      data: {
        messageId: commandId,
        parent: null,
        role: 'user',
        origin: 'person',
        kind,
        parts: [{ type: 'text', text }],
      },
    },
    {
      id: randomUUID(),
      tenant: 'default',
      at: '2026-01-02T03:04:05.678Z',
      meta: { conversation, owner: 'admin', actor, commandId, correlationId: 'trace' },
    },
  );
}

/** Counts the reads of streams from now on. */
export function streamReads(log: EventLog): () => number {
  const readStream = log.readStream.bind(log);
  let reads = 0;
  log.readStream = (...args) => {
    reads += 1;
    return readStream(...args);
  };
  return () => reads;
}
