import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Views } from '../../src/app/read-models.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { Leases } from '../../src/ports/leases.js';
import type { Builds, LaneStore } from '../../src/ports/read-models/read-models.js';
import { Advances } from '../../src/projections/advances.js';
import { projections as allProjections } from '../../src/projections/all.js';
import type { Projection } from '../../src/projections/projection.js';
import { ProjectionHost } from '../../src/projections/projection-host.js';
import { MemoryHints } from './memory/memory-hints.js';
import { MemoryLeases } from './memory/memory-leases.js';
import { codec, countEvents } from './new-events.js';
import { RecordedHealth } from './recorded-health.js';
import { until } from './until.js';

export interface ReadModelStores {
  readonly builds: Builds;
  readonly lanes: LaneStore;
  readonly views: Views;
}

export interface Projecting {
  readonly host: ProjectionHost;
  readonly warnings: object[];
  readonly health: RecordedHealth;
  /** Every event of the log is in every build, or in a parked stream. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProjectingOptions {
  readonly projections?: readonly Projection[];
  readonly leases?: Leases;
  readonly holder?: string;
  readonly leaseMs?: number;
}

/** The lanes of the read models, at work on a log. */
export async function startProjecting(
  log: EventLog,
  { builds, lanes: store }: ReadModelStores,
  options: ProjectingOptions = {},
): Promise<Projecting> {
  const { projections = allProjections, holder = 'node-1', leaseMs = 300 } = options;
  const { leases = new MemoryLeases(systemClock) } = options;
  const hints = new MemoryHints();
  await builds.prepare(projections);
  const warnings: object[] = [];
  const health = new RecordedHealth();
  const host = new ProjectionHost(projections, {
    ...{ log, codec, builds, store, leases, hints, holder },
    ...{ clock: systemClock, health, leaseMs, advances: new Advances(hints, systemClock) },
    warn: (facts) => void warnings.push(facts),
  });
  host.start();
  return {
    host,
    warnings,
    health,
    caughtUp: () => until(() => areCaughtUp(log, builds, projections)),
    stop: () => host.stop(),
  };
}

async function areCaughtUp(log: EventLog, builds: Builds, projections: readonly Projection[]): Promise<boolean> {
  const standing = await builds.list();
  for (const { name, filter } of projections) {
    const events = await countEvents(log, filter);
    if (standing.some(({ projection, handled }) => projection === name && handled !== events)) return false;
  }
  return true;
}
