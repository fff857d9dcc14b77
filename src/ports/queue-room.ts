import type { NewEvent } from '../events/envelope.js';
import { limits } from '../limits.js';

interface Sized {
  readonly events: readonly Pick<NewEvent, 'tenant'>[];
  readonly bytes: number;
  readonly user?: string | undefined;
}

interface Taken {
  readonly appends: number;
  readonly bytes: number;
}

const nothing: Taken = { appends: 0, bytes: 0 };

/**
 * The room for appends that have no answer yet. One tenant may take a part of it, and one user a part of that: a flood of
 * one tenant then leaves room for the others.
 */
export class QueueRoom {
  private readonly taken = new Map<string, Taken>();

  /** Whether there is room for the append. If so, the append takes it. */
  take(append: Sized): boolean {
    const groups = groupsOf(append);
    const hasRoom = groups.every(({ key, share }) => {
      const { appends, bytes } = this.taken.get(key) ?? nothing;
      return (
        appends < share * limits.commitQueueAppendsMax && bytes + append.bytes <= share * limits.commitQueueBytesMax
      );
    });
    if (hasRoom) this.add(append, 1);
    return hasRoom;
  }

  giveBack(append: Sized): void {
    this.add(append, -1);
  }

  private add(append: Sized, sign: 1 | -1): void {
    for (const { key } of groupsOf(append)) {
      const { appends, bytes } = this.taken.get(key) ?? nothing;
      if (appends + sign === 0) this.taken.delete(key);
      else this.taken.set(key, { appends: appends + sign, bytes: bytes + sign * append.bytes });
    }
  }
}

function groupsOf({ events, user }: Sized): { readonly key: string; readonly share: number }[] {
  const tenant = events[0]?.tenant ?? '';
  const groups = [
    { key: 'all', share: 1 },
    { key: JSON.stringify([tenant]), share: limits.commitQueueTenantShare },
  ];
  if (user === undefined) return groups;
  return [...groups, { key: JSON.stringify([tenant, user]), share: limits.commitQueueUserShare }];
}
