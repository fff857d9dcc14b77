const OTHER = 'other';

/** Keeps the first names and replaces all others by one, so that made-up names do not fill memory and disks. */
export class BoundedNames {
  private readonly known: Set<string>;

  /** `expected` names always have a place. */
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
