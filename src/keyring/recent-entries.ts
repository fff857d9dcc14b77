import type { Clock } from '../ports/clock.js';
import { recordLimits } from '../record-limits.js';

/** The entries that were used last, none of them for longer than `valueKeyCacheMs`. */
export class RecentEntries<Value> {
  private readonly entries = new Map<string, { readonly value: Value; readonly untilMs: number }>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  get(name: string): Value | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    this.entries.delete(name);
    if (entry.untilMs < this.clock.monotonic()) return undefined;
    // The last in the order of insertion, which is the order of use.
    this.entries.set(name, entry);
    return entry.value;
  }

  set(name: string, value: Value): void {
    this.entries.delete(name);
    this.entries.set(name, { value, untilMs: this.clock.monotonic() + recordLimits.valueKeyCacheMs });
    const [oldest] = this.entries.keys();
    if (this.entries.size > recordLimits.valueKeyCacheEntriesMax && oldest !== undefined) this.entries.delete(oldest);
  }

  /** Looks at every entry, so it is for rare events. */
  deleteAll(isDeleted: (value: Value) => boolean): void {
    for (const [name, { value }] of this.entries) if (isDeleted(value)) this.entries.delete(name);
  }
}
