/**
 * One of several pieces of work that are shared out. It counts from the moment of the decision: several are decided about
 * at once, and each takes a while to begin and to end.
 */
export interface Part {
  /** False when this process has its share without it. */
  take(): boolean;
  give(): void;
  /** True when this process had too many; then it is given. */
  giveUp(): boolean;
}
