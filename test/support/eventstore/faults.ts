/** What can go wrong with the next answers of a stand-in; each of these is used up by the calls that it strikes. */
export class Faults {
  /** So many appends are committed, and their connection is cut before the answer. */
  losesAnswers = 0;
  /** So many calls of each kind are answered by a node that says it is not the leader, and names the one at this port. */
  notLeader = { leaderPort: 0, append: 0, read: 0, subscribe: 0 };
  /** Appends to these streams are answered as the server does when something broke inside. */
  readonly broken = new Set<string>();
  /** A read of all streams ends with an error after so many events. */
  readsBreakOffAfter: number | undefined;
  /** One subscription ends with an error when the server has looked at so many events. */
  subscriptionBreaksOffAfter: number | undefined;
  /** All credentials are refused. */
  refusesEveryone = false;
  /** So many appends of a batch are committed and never answered, while the others are. */
  unanswered = 0;
  /** A batch ends, for all appends on it, after so many more answers. */
  batchEndsAfter: number | undefined;
  private held: (() => void)[] | undefined;

  /** From now on appends are committed and not answered, until they are released. */
  holdAnswers(): void {
    this.held ??= [];
  }

  get heldAnswers(): number {
    return this.held?.length ?? 0;
  }

  /** Answers what was held, however late that is. */
  releaseAnswers(order: 'as they came' | 'backwards' = 'as they came'): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const answer of order === 'backwards' ? held.reverse() : held) answer();
  }

  answer(send: () => void): void {
    if (this.held) this.held.push(send);
    else send();
  }

  takeLostAnswer(): boolean {
    if (this.losesAnswers === 0) return false;
    this.losesAnswers -= 1;
    return true;
  }

  takeUnanswered(): boolean {
    if (this.unanswered === 0) return false;
    this.unanswered -= 1;
    return true;
  }

  /** True for the last answer of a batch. */
  takeBreak(): boolean {
    if (this.batchEndsAfter === undefined) return false;
    this.batchEndsAfter -= 1;
    if (this.batchEndsAfter > 0) return false;
    this.batchEndsAfter = undefined;
    return true;
  }

  /** True for the event at which a subscription ends. */
  takeSubscription(): boolean {
    if (this.subscriptionBreaksOffAfter === undefined) return false;
    this.subscriptionBreaksOffAfter -= 1;
    if (this.subscriptionBreaksOffAfter > 0) return false;
    this.subscriptionBreaksOffAfter = undefined;
    return true;
  }

  takeNotLeader(method: 'append' | 'read' | 'subscribe'): number | undefined {
    if (this.notLeader[method] === 0) return undefined;
    this.notLeader[method] -= 1;
    return this.notLeader.leaderPort;
  }
}
