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
  /** Nobody is let in. */
  refusesEveryone = false;
  private held: (() => void)[] | undefined;

  /** From now on appends are committed and not answered, until they are released. */
  holdAnswers(): void {
    this.held ??= [];
  }

  get heldAnswers(): number {
    return this.held?.length ?? 0;
  }

  /** Answers what was held, however late that is. */
  releaseAnswers(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const answer of held) answer();
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

  takeNotLeader(method: 'append' | 'read' | 'subscribe'): number | undefined {
    if (this.notLeader[method] === 0) return undefined;
    this.notLeader[method] -= 1;
    return this.notLeader.leaderPort;
  }
}
