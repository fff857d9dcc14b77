import { placeOf, pointerOf, protect, reveal } from '../../dist/formats/value-1/protected-value.js';
import { ValueKey } from '../../dist/formats/value-1/value-key.js';
import { median, rounded } from './statistics.mjs';

const DELTAS = 20_000;
const ROUNDS = 7;

/** CPU of one core for a delta of a few letters, with its place: the median of the rounds, after one that does not count. */
export function protectionMicros() {
  const key = new ValueKey(Buffer.alloc(32, 7));
  const pointer = pointerOf('data', ['text']);
  const places = Array.from({ length: DELTAS }, (_, nth) => ({
    tenant: 'acme',
    stream: 'generation-01994a7e-5c00-7000-8000-00000000beef',
    id: `01994a7e-5c00-7000-8000-${String(nth).padStart(12, '0')}`,
  }));
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const values = [];
    const protectMicros = micros(() => {
      for (const [nth, event] of places.entries())
        values.push(protect(key, placeOf(event, pointer), ` word${nth % 100}`));
    });
    const revealMicros = micros(() => {
      for (const [nth, event] of places.entries()) reveal(key, placeOf(event, pointer), values[nth]);
    });
    return { protectMicros, revealMicros };
  }).slice(1);
  const of = (name) => rounded(median(rounds.map((round) => round[name])), 1);
  return { protectMicros: of('protectMicros'), revealMicros: of('revealMicros') };
}

function micros(work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / DELTAS;
}
