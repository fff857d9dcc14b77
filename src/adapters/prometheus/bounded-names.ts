const OTHER = 'other';

/** The names that come first, and one for all the others: what clients make up must not fill memory and disks. */
export class BoundedNames {
  private readonly known: Set<string>;

  /** `expected` are known from the start: whatever else comes cannot take their places. */
  constructor(
    private readonly max: number,
    expected: readonly string[] = [],
  ) {
    this.known = new Set(expected);
  }

  of(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.max) return OTHER;
    this.known.add(name);
    return name;
  }
}
