export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const median = (values) => percentile(values, 0.5);

export const rounded = (value, digits = 2) => Number(value.toFixed(digits));

/** The arms one after the other, round after round, so that a machine that changes its mind changes it for all. */
export async function interleave(rounds, arms, tell) {
  const results = Object.fromEntries(Object.keys(arms).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, arm] of Object.entries(arms)) {
      const result = await arm();
      results[name].push(result);
      tell(`round ${round + 1} ${name}: ${JSON.stringify(result)}`);
    }
  }
  return results;
}
