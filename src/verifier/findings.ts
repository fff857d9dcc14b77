/** Something in the bag that is not as it was made. */
export interface Finding {
  /** A file, an entry or an event. */
  readonly place: string;
  readonly why: string;
}

/** Later mistakes mostly follow from the first ones. */
const FINDINGS_MAX = 20;

/** The bag cannot be read any further. */
export class Unreadable extends Error {
  constructor(
    readonly place: string,
    why: string,
  ) {
    super(why);
  }
}

/** What the verifier has found, in the order in which it found it. */
export class Findings {
  readonly mistakes: Finding[] = [];
  /** Of what cannot be verified, or is a fault of the log and not of the bag. */
  readonly remarks: Finding[] = [];

  mistake(place: string, why: string): void {
    add(this.mistakes, place, why);
  }

  remark(place: string, why: string): void {
    add(this.remarks, place, why);
  }

  unless(isTrue: boolean, place: string, why: string): void {
    if (!isTrue) this.mistake(place, why);
  }
}

function add(findings: Finding[], place: string, why: string): void {
  const isNew = !findings.some((finding) => finding.place === place && finding.why === why);
  if (isNew && findings.length < FINDINGS_MAX) findings.push({ place, why });
}
