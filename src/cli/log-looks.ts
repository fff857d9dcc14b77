import type { Look, LookedAt } from '../domain/access.js';
import type { RecordedEvent } from '../events/envelope.js';
import { categoryOf } from '../ports/log-rules.js';
import type { OpenedLog } from './opened-log.js';
import type { WriteEvent } from './tail.js';

/** Writes events of a tenant after the look at them is committed: one record for each tenant in one command. */
export function writingAfterLooks(
  { recordLook }: Pick<OpenedLog, 'recordLook'>,
  lookAt: (event: RecordedEvent) => Look,
  write: WriteEvent,
): WriteEvent {
  const recorded = new Set<string>();
  return async (event) => {
    if (!recorded.has(event.tenant)) {
      await recordLook(event.tenant, lookAt(event));
      recorded.add(event.tenant);
    }
    await write(event);
  };
}

/** The look of `log show`. In the trail of a conversation it looks like one through the API. */
export function lookAtStream({ stream, meta }: RecordedEvent, purpose: string | undefined): Look {
  const { conversation, owner } = textsIn(meta);
  return { what: 'log_show', objects: objectsOf(stream, conversation), owner, purpose };
}

function objectsOf(stream: string, conversation: string | undefined): Look['objects'] {
  const category = categoryOf(stream);
  const id = stream.slice(category.length + 1);
  if (category === 'conversation') return [{ kind: 'conversation', id }];
  if (category !== 'generation') return [{ kind: 'stream', id: stream }];
  const whole: LookedAt | undefined =
    conversation === undefined ? undefined : { kind: 'conversation', id: conversation };
  return [{ kind: 'run', id }, whole];
}

/** A newer version may have written it, and it may be damaged. */
function textsIn(meta: string): { readonly conversation?: string; readonly owner?: string } {
  try {
    const { conversation, owner } = JSON.parse(meta);
    return {
      ...(typeof conversation === 'string' && { conversation }),
      ...(typeof owner === 'string' && { owner }),
    };
  } catch {
    return {};
  }
}
