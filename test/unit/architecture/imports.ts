import { importGraph, importsOf, type SourceTree } from './source-tree.js';

/**
 * Who may import whom below src/: a folder, a folder inside it, or one file; `*` is any one folder. A folder may always import itself, and an
 * adapter only itself and not its siblings. Anyone may import the tables of bounds. What a file may import is the sum of all lines that name it.
 */
const mayImport: Record<string, readonly string[]> = {
  app: [],
  // What version 1 of the events recorded is the report of a format, as it came. Protected values have a format as well.
  events: ['formats/openai-chat-1.ts', 'formats/record-1/canonical-json.ts', 'formats/value-1'],
  formats: ['events'],
  domain: ['events', 'formats'],
  ports: ['events'],
  'ports/value-keys.ts': ['formats/value-1/value-key.ts'],
  keyring: ['background', 'events', 'formats', 'ownership', 'ports'],
  background: ['ports'],
  ownership: ['background', 'events', 'ports'],
  commands: ['domain', 'events', 'ports'],
  projections: ['background', 'domain', 'events', 'ownership', 'ports'],
  // The SQL of a read model. Only the composition root chooses it.
  'projections/*/postgres.ts': ['adapters/postgres/views'],
  sagas: ['background', 'commands', 'domain', 'events', 'ownership', 'ports'],
  notary: ['background', 'events', 'formats', 'ownership', 'ports'],
  // It shares the format with the notary, and nothing else: what it reads is what anyone can read.
  monitor: ['formats'],
  exports: ['events', 'formats', 'notary/tree-hashes.ts', 'ports'],
  // Written from docs/record-format.md: a verifier that shared code with the notary would share its mistakes.
  verifier: ['formats/openai-chat-1.ts', 'formats/body-format.ts'],
  // It shares the format with the notary, and nothing else.
  witness: ['formats', 'ports/clock.ts', 'ports/witness-states.ts'],
  relay: ['background', 'events', 'ownership', 'ports'],
  sse: ['auth/principal.ts', 'background', 'domain', 'events', 'ports'],
  // What the engines of the log have in common.
  adapters: [
    'adapters/event-log',
    'background/deadline.ts',
    'background/linked-abort.ts',
    'events',
    'formats',
    'ports',
  ],
  auth: ['ports'],
  // A run has one type, which the API's documents and the texts of the command line share.
  cli: [
    'auth/api-key.ts',
    'domain/access.ts',
    'domain/conversation/run.ts',
    'events/envelope.ts',
    'exports/bag-export.ts',
    'exports/scope-entries.ts',
    'formats/record-1/tiles.ts',
    'monitor',
    'formats/record-1/note.ts',
    'formats/record-1/signing-keys.ts',
    'notary/key-rotation.ts',
    'notary/record-check.ts',
    'notary/stored-before.ts',
    'ports',
    'verifier',
  ],
  http: [
    'commands',
    'projections/*/query.ts',
    'projections/queries',
    'projections/rebuilds.ts',
    'notary/census-reader.ts',
    'notary/cosigned-notes.ts',
    'notary/record-reader.ts',
    'keyring/master-rotation.ts',
    'sse',
    'auth',
    'domain/access.ts',
    'domain/conversation/run.ts',
    'domain/refusal.ts',
    'formats/body-format.ts',
    'formats/openai-chat-1.ts',
    'formats/record-1/tiles.ts',
    'ports/errors.ts',
    'ports/value-keys.ts',
    'ports/tracer.ts',
    'ports/read-models/read-models.ts',
  ],
};

/** Only the composition root may import these. */
const CHOSEN = ['projections/*/postgres.ts'];

/** Inside these, everything is a function of its arguments: no framework, no driver, no input or output. */
const PURE = ['events', 'formats', 'domain', 'projections/*/projection.ts', 'projections/*/rows.ts'];
const IMPURE_PACKAGES =
  /^(@nestjs\/|pg$|fastify$|rxjs$|(node:)?(fs|net|http|https|http2|dns|child_process|worker_threads|timers|process|os)(\/|$))/;

const LIMITS = ['limits.ts', 'record-limits.ts'];

/** The programs directly in src/ and the folder app/ wire everything together; the tables of bounds are leaves. */
export const isCompositionRoot = (path: string) =>
  path.startsWith('app/') || (!path.includes('/') && !LIMITS.includes(path));

/** The part of the tree that a file belongs to: its folder in src/, or its own adapter. */
const homeOf = (path: string) => /^(adapters\/[^/]+|[^/]+)\//.exec(path)?.[1] ?? '';

const patternOf = (place: string) => new RegExp(`^${place.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}`);

const lies = (path: string, place: string) => {
  const [found] = patternOf(place).exec(path) ?? [];
  if (found === undefined) return false;
  const rest = path.slice(found.length);
  return rest === '' || rest.startsWith('/') || (!place.endsWith('.ts') && rest === '.ts');
};

function mayReach(importer: string, target: string): boolean {
  if (isCompositionRoot(importer)) return true;
  if (LIMITS.includes(importer)) return false;
  if (LIMITS.includes(target)) return true;
  if (CHOSEN.some((place) => lies(target, place))) return false;
  const allowed = Object.entries(mayImport).flatMap(([place, targets]) => (lies(importer, place) ? targets : []));
  return [homeOf(importer), ...allowed].some((place) => lies(target, place));
}

export function forbiddenImports(tree: SourceTree): string[] {
  return [...importGraph(tree)].flatMap(([importer, targets]) =>
    targets.filter((target) => !mayReach(importer, target)).map((target) => `${importer} imports ${target}`),
  );
}

/** Relative imports of what is not there: a rule about them would silently hold. */
export function missingImports(tree: SourceTree): string[] {
  return [...importGraph(tree)].flatMap(([importer, targets]) =>
    targets.filter((target) => !tree.has(target)).map((target) => `${importer} imports ${target}`),
  );
}

export function impureImports(tree: SourceTree): string[] {
  const pure = [...tree].filter(([path]) => PURE.some((place) => lies(path, place)));
  return pure.flatMap(([path, source]) =>
    importsOf(path, source)
      .filter((specifier) => IMPURE_PACKAGES.test(specifier))
      .map((specifier) => `${path} imports ${specifier}`),
  );
}

/** The verifier runs in a browser too: it has no module of Node, and no package. */
export function foreignToBrowsers(tree: SourceTree): string[] {
  const own = [...tree].filter(([path]) => path.startsWith('verifier/'));
  const imports = own.flatMap(([path, source]) =>
    importsOf(path, source)
      .filter((specifier) => !specifier.startsWith('.'))
      .map((specifier) => `${path} imports ${specifier}`),
  );
  const globals = own.filter(([, source]) => /\b(Buffer|process|require)\b\s*[.([]/.test(source)).map(([path]) => path);
  return [...imports, ...globals];
}

/** Folders that nobody has said anything about. */
export function unknownFolders(tree: SourceTree): string[] {
  const folders = new Set(
    [...tree.keys()].filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''),
  );
  return [...folders].filter((folder) => !(folder in mayImport));
}

/** Each cycle once, as the path that leads from a file back to itself. */
export function importCycles(tree: SourceTree): string[] {
  const graph = importGraph(tree);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const again = trail.indexOf(path);
    if (again >= 0) cycles.push([...trail.slice(again), path].join(' > '));
    if (again >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}
