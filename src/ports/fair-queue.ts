interface Line<T> {
  readonly members: T[];
  /** How many of them are taken. Shifting an array of thousands would copy it each time. */
  taken: number;
}

/** Members of different groups take turns, however many of them one group has. Within a group the oldest is first. */
export class FairQueue<T> {
  /** In the order of their turns. */
  private readonly lines = new Map<string, Line<T>>();
  /** These go before all others. */
  private returned: T[] = [];
  private count = 0;

  constructor(private readonly groupOf: (member: T) => string) {}

  get length(): number {
    return this.count;
  }

  push(member: T): void {
    const group = this.groupOf(member);
    const line = this.lines.get(group);
    if (line) line.members.push(member);
    else this.lines.set(group, { members: [member], taken: 0 });
    this.count += 1;
  }

  /** What was taken, and is to be taken again before everything else. */
  giveBack(members: readonly T[]): void {
    this.returned = [...members, ...this.returned];
    this.count += members.length;
  }

  /** Takes the one whose turn it is. */
  shift(): T | undefined {
    let isFirst = true;
    return this.takeWhile(() => {
      const accepted = isFirst;
      isFirst = false;
      return accepted;
    })[0];
  }

  /** Takes one member after the other, up to the first that is not accepted. */
  takeWhile(accepts: (member: T) => boolean): T[] {
    const taken: T[] = [];
    while (this.returned.length > taken.length && accepts(this.returned[taken.length] as T)) {
      taken.push(this.returned[taken.length] as T);
    }
    this.returned = this.returned.slice(taken.length);
    if (this.returned.length === 0) this.takeInTurn(accepts, taken);
    this.count -= taken.length;
    return taken;
  }

  private takeInTurn(accepts: (member: T) => boolean, taken: T[]): void {
    // A group that is set anew comes last, so this goes round until nothing is left.
    for (const [group, line] of this.lines) {
      do {
        const member = line.members[line.taken] as T;
        if (!accepts(member)) {
          this.lines.set(group, shortened(line));
          return;
        }
        taken.push(member);
        line.taken += 1;
        // A group that is alone need not give its turn away after each member.
      } while (this.lines.size === 1 && line.taken < line.members.length);
      this.lines.delete(group);
      if (line.taken < line.members.length) this.lines.set(group, shortened(line));
    }
  }
}

function shortened<T>(line: Line<T>): Line<T> {
  return line.taken < 1_000 ? line : { members: line.members.slice(line.taken), taken: 0 };
}
