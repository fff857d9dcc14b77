import { limits } from '../limits.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { AllStreamsFilter, Backlog, EventLog } from '../ports/event-log.js';

/**
 * How far a reader is behind its last saved checkpoint. Every process can compute it, so it is known also while no process
 * owns the reader. An owner saves about once a second, or when it renews its lease, so this may be some seconds more than what
 * the owner itself reports.
 */
export async function savedBacklog(
  { log, checkpoints }: { readonly log: EventLog; readonly checkpoints: Checkpoints },
  name: string,
  filter?: AllStreamsFilter,
): Promise<Backlog> {
  return log.backlog(await checkpoints.read(name), limits.backlogCountMax, filter);
}
