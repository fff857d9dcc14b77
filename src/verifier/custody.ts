import { canonicalJson, formIfAny, isObject, parsedJson } from './canonical-json.js';
import { type Findings, Unreadable } from './findings.js';

const PATH = 'custody.json';

export interface BagCounts {
  readonly chains: number;
  readonly entries: number;
  readonly texts: number;
  readonly reveals: number;
  readonly unrevealed: number;
}

/** Compares the counts of `custody.json` with what was found. Returns when the bag was made, as it says. */
export function checkCustody(text: string, found: BagCounts, findings: Findings): string {
  const value = parsedJson(text);
  if (!isObject(value) || `${formIfAny(canonicalJson, value)}\n` !== text) {
    throw new Unreadable(PATH, 'is not the JCS form of an object');
  }
  const { at, by, counts, reason, v } = value;
  const isTime = typeof at === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(at);
  const isWhole = Object.keys(value).length === 5 && v === 1 && typeof by === 'string' && typeof reason === 'string';
  if (!isTime || !isWhole || !isObject(counts)) throw new Unreadable(PATH, 'has other members than the format says');
  findings.unless(
    Object.keys(counts).length === Object.keys(found).length,
    PATH,
    'has other counts than the format says',
  );
  for (const [name, number] of Object.entries(found)) {
    findings.unless(counts[name] === number, PATH, `says ${name}: ${counts[name]}, and the bag has ${number}`);
  }
  return at;
}
