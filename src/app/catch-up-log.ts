import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { BuildReport, ProjectionReport } from '../projections/queries/projection-reports.js';

/** Logs how far each build is while it is far behind the log, and once when it has caught up. */
export class CatchUpLog {
  private readonly saidAt = new Map<string, number>();

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly info: (facts: object, message: string) => void,
  ) {}

  note(reports: readonly ProjectionReport[]): void {
    for (const report of reports) {
      this.noteBuild(report.name, report);
      if (report.rebuild) this.noteBuild(report.name, report.rebuild);
    }
  }

  private noteBuild(projection: string, { build, state, handled, position, lag }: BuildReport): void {
    const key = `${projection} ${build}`;
    const saidAt = this.saidAt.get(key);
    const facts = { projection, build, state, handled, position, ...lag };
    if (lag.seconds >= limits.catchUpSecondsMin) {
      if (saidAt !== undefined && this.clock.now() - saidAt < limits.catchUpLogMs) return;
      this.saidAt.set(key, this.clock.now());
      this.info(facts, 'a projection is catching up with the log');
    } else if (saidAt !== undefined) {
      this.saidAt.delete(key);
      this.info(facts, 'a projection has caught up with the log');
    }
  }
}
