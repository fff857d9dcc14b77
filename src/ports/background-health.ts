/** How the background work of this process fares. No caller learns of its errors, so operators have to. */
export interface BackgroundHealth {
  /** A part met an error that is not an outage. The part tries again, so the same error may be reported often. Parts may share a label of metrics. */
  failed(part: string, error: unknown, metricLabel?: string): void;
  /** The part works. Costs nothing if it had not failed. */
  recovered(part: string): void;
}
