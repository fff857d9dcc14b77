import type { NewEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { ExpectedRevision } from '../../ports/event-log.js';

/** An append that waits for its turn or its answer. */
export interface Append {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly NewEvent[];
  readonly bytes: number;
  readonly user?: string | undefined;
  readonly command?: string | undefined;
}

interface Sized extends Pick<Append, 'bytes' | 'user'> {
  readonly events: readonly Pick<NewEvent, 'tenant'>[];
}

interface Taken {
  appends: number;
  bytes: number;
}

/**
 * The room for appends that have no answer yet. One tenant may take a part of it, and one user a part of that: a flood of
 * one tenant then leaves room for the others.
 */
export class QueueRoom {
  private readonly taken = new Map<string, Taken>();

  /** Whether there is room for the append. If so, the append takes it. */
  take({ events, user, bytes }: Sized): boolean {
    const tenant = tenantOf(events);
    const hasRoom =
      this.has(1, ALL, bytes) &&
      this.has(limits.commitQueueTenantShare, keyOf(tenant), bytes) &&
      (user === undefined || this.has(limits.commitQueueUserShare, keyOf(tenant, user), bytes));
    if (hasRoom) this.addToEach(tenant, user, 1, bytes);
    return hasRoom;
  }

  giveBack({ events, user, bytes }: Sized): void {
    this.addToEach(tenantOf(events), user, -1, -bytes);
  }

  private has(share: number, group: string, bytes: number): boolean {
    const taken = this.taken.get(group);
    if (!taken) return bytes <= share * limits.commitQueueBytesMax;
    return (
      taken.appends < share * limits.commitQueueAppendsMax && taken.bytes + bytes <= share * limits.commitQueueBytesMax
    );
  }

  private addToEach(tenant: string, user: string | undefined, appends: 1 | -1, bytes: number): void {
    this.add(ALL, appends, bytes);
    this.add(keyOf(tenant), appends, bytes);
    if (user !== undefined) this.add(keyOf(tenant, user), appends, bytes);
  }

  private add(group: string, appends: 1 | -1, bytes: number): void {
    const taken = this.taken.get(group);
    if (!taken) this.taken.set(group, { appends, bytes });
    else if (taken.appends + appends === 0) this.taken.delete(group);
    else {
      taken.appends += appends;
      taken.bytes += bytes;
    }
  }
}

const ALL = 'all';

const tenantOf = (events: Sized['events']): string => events[0]?.tenant ?? '';

/** Names of tenants have no slash. */
const keyOf = (tenant: string, user?: string): string => (user === undefined ? `${tenant}/` : `${tenant}//${user}`);
