/** What the figures of ours are to reach; each is shown beside what it limits. */
const TO_PORTKEY_TTFT_MAX = 0.25;
const TO_PROXY_TTFT_MAX = 4;
const LATER_P99_MAX_MS = 60;
const TO_PORTKEY_RATE_MIN = 1.5;

/** The benchmark's result for people. */
export function table({ addedTtftMs, addedLaterDeltaMs, flatOut, cpuMicrosPerDelta, ...rest }) {
  const toPortkey = ratios(`ours to portkey, p50, at most ${TO_PORTKEY_TTFT_MAX}`, rest.oursToPortkeyTtft);
  const toProxy = ratios(`ours to proxy, p50, at most ${TO_PROXY_TTFT_MAX}`, rest.oursToProxyTtft);
  const rate = ratios(`ours to portkey, at least ${TO_PORTKEY_RATE_MIN}`, flatOut.oursToPortkey);
  return [
    grid('added time to first token, ms, p50 / p99', addedTtftMs, both, [toPortkey, toProxy]),
    grid(`added delay of later deltas, ms, p50 / p99 (ours p99 at most ${LATER_P99_MAX_MS})`, addedLaterDeltaMs, both),
    grid('flat out, 50 streams, deltas/s', flatOut.deltasPerSecond, shown, [rate]),
    grid('CPU per delta, us', cpuMicrosPerDelta, shown),
    ...(rest.portkeyReason ? [`portkey: ${rest.portkeyReason}`] : []),
  ].join('\n\n');
}

const shown = (value) => (Number.isFinite(value) ? value.toLocaleString('en') : '-');
const both = (figure) => (figure ? `${shown(figure.p50)} / ${shown(figure.p99)}` : '-');
const ratios = (name, levels) => [name, ...Object.values(levels).map(shown)];

/** A column for each level, a row for each arm, and further rows below. */
function grid(title, levels, show, furtherRows = []) {
  const columns = Object.values(levels);
  const rows = Object.keys(columns[0]).map((arm) => [arm, ...columns.map((figures) => show(figures[arm]))]);
  const line = ([name, ...cells]) => `  ${name.padEnd(34)}${cells.map((cell) => cell.padStart(16)).join('')}`;
  return [title, ...[['', ...Object.keys(levels)], ...rows, ...furtherRows].map(line)].join('\n');
}
