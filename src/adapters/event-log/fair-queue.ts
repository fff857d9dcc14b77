/** Members that are taken one after the other. */
interface Line<T> {
  readonly length: number;
  push(member: T, groups: readonly string[]): void;
  /** The next one, which stays. */
  peek(): T | undefined;
  take(): T | undefined;
}

/** First in, first out. */
class Fifo<T> implements Line<T> {
  private members: T[] = [];
  /** Shifting an array of thousands would copy it each time. */
  private taken = 0;

  get length(): number {
    return this.members.length - this.taken;
  }

  push(member: T): void {
    this.members.push(member);
  }

  peek(): T | undefined {
    return this.members[this.taken];
  }

  take(): T | undefined {
    const member = this.members[this.taken];
    if (this.length > 0) this.taken += 1;
    if (this.taken >= 1_000) {
      this.members = this.members.slice(this.taken);
      this.taken = 0;
    }
    return member;
  }
}

/** Groups that take turns, and the groups within each of them likewise. */
class Turns<T> implements Line<T> {
  /** In the order of their turns. */
  private readonly lines = new Map<string, Line<T>>();
  length = 0;

  push(member: T, [group = '', ...within]: readonly string[]): void {
    const line = this.lines.get(group) ?? (within.length > 0 ? new Turns<T>() : new Fifo<T>());
    this.lines.set(group, line);
    line.push(member, within);
    this.length += 1;
  }

  peek(): T | undefined {
    for (const line of this.lines.values()) return line.peek();
    return undefined;
  }

  take(): T | undefined {
    for (const [group, line] of this.lines) {
      const member = line.take();
      this.length -= 1;
      if (line.length === 0) this.lines.delete(group);
      else if (this.lines.size > 1) {
        // A group that is set anew comes last.
        this.lines.delete(group);
        this.lines.set(group, line);
      }
      return member;
    }
    return undefined;
  }
}

/**
 * Members of different groups take turns, however many of them one group has: tenants, say, and within each tenant its
 * users. Within the innermost group the oldest is first.
 */
export class FairQueue<T> {
  private readonly turns = new Turns<T>();
  /** These go before all others. */
  private returned: T[] = [];

  /** `groupsOf` names the groups of a member, the outermost first, and as many for each member. */
  constructor(private readonly groupsOf: (member: T) => readonly string[]) {}

  get length(): number {
    return this.returned.length + this.turns.length;
  }

  push(member: T): void {
    this.turns.push(member, this.groupsOf(member));
  }

  /** What was taken, and is to be taken again before everything else. */
  giveBack(members: readonly T[]): void {
    this.returned = [...members, ...this.returned];
  }

  /** Takes the one whose turn it is. */
  shift(): T | undefined {
    return this.returned.length > 0 ? this.returned.shift() : this.turns.take();
  }

  /** Takes one member after the other, up to the first that is not accepted. */
  takeWhile(accepts: (member: T) => boolean): T[] {
    const taken: T[] = [];
    while (this.returned.length > taken.length && accepts(this.returned[taken.length] as T)) {
      taken.push(this.returned[taken.length] as T);
    }
    this.returned = this.returned.slice(taken.length);
    if (this.returned.length > 0) return taken;
    while (this.turns.length > 0 && accepts(this.turns.peek() as T)) taken.push(this.turns.take() as T);
    return taken;
  }
}
