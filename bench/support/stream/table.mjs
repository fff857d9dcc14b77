/** What the figures of ours must reach, level by level; the table shows them below the figure that they limit. */
const MUST = {
  toFloorTtft: [2, 2.2, 4],
  toPortkeyTtft: [0.2, 0.22, 0.5],
  toPortkeyRate: [1.5, 2],
  nodeMicros: [null, 150, 90],
  postgresMicros: [null, 60, 30],
};
const LATER_P99_MAX_MS = 60;

/** The benchmark's result for people. */
export function table({ addedTtftMs, addedLaterDeltaMs, flatOut, cpuMicrosPerDelta, ...rest }) {
  const ttft = [
    ratios('ours to floor, p50', rest.oursToFloor),
    must('at most', MUST.toFloorTtft),
    ratios('ours to portkey, p50', rest.oursToPortkeyTtft),
    must('at most', MUST.toPortkeyTtft),
    ratios('ours to proxy, p50', rest.oursToProxyTtft),
  ];
  const rate = [ratios('ours to portkey', flatOut.oursToPortkey), must('at least', MUST.toPortkeyRate)];
  const cpu = [must('oursNode, at most', MUST.nodeMicros), must('oursPostgres, at most', MUST.postgresMicros)];
  return [
    grid('added time to first token, ms, p50 / p99', addedTtftMs, both, ttft),
    grid(`added delay of later deltas, ms, p50 / p99 (ours p99 at most ${LATER_P99_MAX_MS})`, addedLaterDeltaMs, both),
    grid('flat out, 50 streams, deltas/s', flatOut.deltasPerSecond, shown, rate),
    grid('CPU per delta, us', cpuMicrosPerDelta, shown, cpu),
    ...(rest.portkeyReason ? [`portkey: ${rest.portkeyReason}`] : []),
  ].join('\n\n');
}

const shown = (value) => (Number.isFinite(value) ? value.toLocaleString('en') : '-');
const both = (figure) => (figure ? `${shown(figure.p50)} / ${shown(figure.p99)}` : '-');
const ratios = (name, figures) => [name, ...Object.values(figures).map(shown)];
const must = (name, figures) => [`  ${name}`, ...figures.map(shown)];

/** A column for each level, a row for each arm, and further rows below. */
function grid(title, levels, show, furtherRows = []) {
  const columns = Object.values(levels);
  const rows = Object.keys(columns[0]).map((arm) => [arm, ...columns.map((figures) => show(figures[arm]))]);
  const line = ([name, ...cells]) => `  ${name.padEnd(34)}${cells.map((cell) => cell.padStart(16)).join('')}`;
  return [title, ...[['', ...Object.keys(levels)], ...rows, ...furtherRows].map(line)].join('\n');
}
