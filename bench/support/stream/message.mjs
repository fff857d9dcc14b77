// What the client and the provider tell each other through whatever stands between them.

/** Microseconds of a clock that all processes of the machine share. */
export function micros() {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e6 + Math.round(nanos / 1e3);
}

/** What a person asks; the provider does as it says. */
export const askFor = (deltas, gapMs) => `Send ${deltas} deltas, ${gapMs} ms apart.`;

export function whatIsAsked(body) {
  const [, deltas, gapMs] = /Send (\d+) deltas, (\d+) ms apart/.exec(body);
  return { deltas: Number(deltas), gapMs: Number(gapMs) };
}

/** A delta says which one it is and when it was sent, so that it can be told apart when others are joined to it. */
export const deltaText = (ordinal) => `${ordinal}:${micros()};`;
export const DELTAS = /(\d+):(\d+);/g;
