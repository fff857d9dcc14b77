// `node scripts/bundle.mjs <directory> <program.ts>...` bundles programs with all that they import. Without arguments, as
// `npm run build` calls it, it bundles the product into bundle/.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const began = new Date();
const [directory = join(root, 'bundle'), ...named] = process.argv.slice(2);
const areOfTests = named.length > 0;
const programs = areOfTests ? named : ['src/main.ts', 'src/cli.ts'];
/** V8 keeps compiled code of CommonJS alone in Node 20: test/support/run-program.mjs starts programs of tests with it. */
const [format, extension] = areOfTests ? ['cjs', 'cjs'] : ['esm', 'js'];

/** Nest imports these only for applications that use them, so they are not installed. */
const unused = [/^@nestjs\/(microservices|websockets|platform-express)(\/|$)/, /^@fastify\/(multipart|view)$/];

const bundler = await rolldown({
  cwd: root,
  input: programs,
  platform: 'node',
  tsconfig: join(root, 'tsconfig.json'),
  external: unused,
  plugins: [
    { name: 'migrations', buildStart: emitMigrations },
    { name: 'source-maps', generateBundle: mapOurCodeAlone },
  ],
  onLog(level, log, proceed) {
    // Otherwise the program would fail when it comes to this import.
    if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
    proceed(level, log);
  },
});
const { output } = await bundler.generate({
  dir: resolve(directory),
  format,
  // A program of tests is a script of V8, which cannot import: in CommonJS, what is imported later is required later.
  dynamicImportInCjs: false,
  entryFileNames: `[name].${extension}`,
  chunkFileNames: `[name]-[hash].${extension}`,
  // Nest and the document of the API know classes by their names.
  keepNames: true,
  sourcemap: true,
  // Each module runs when an import comes to it, as in Node: reflect-metadata has to run before Nest.
  strictExecutionOrder: true,
  codeSplitting: { groups: [{ name: 'packages', test: /[\\/]node_modules[\\/]/, entriesAware: true }] },
});
await bundler.close();
writeWhole(output);
removeOlder(output);

/** The product reads them beside the file that it runs from. */
function emitMigrations() {
  const folder = join(root, 'src', 'adapters', 'postgres', 'migrations');
  for (const name of readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.sql'))) {
    this.emitFile({ type: 'asset', fileName: `migrations/${name}`, source: readFileSync(join(folder, name)) });
  }
}

/** Node reads the map of each file when it loads the file, and the maps of packages are 20 times as large as ours. */
function mapOurCodeAlone(_, files) {
  const isOurs = (id) => !id.includes('node_modules') && !id.startsWith('\0');
  for (const file of Object.values(files)) {
    if (file.type !== 'chunk' || file.moduleIds.some(isOurs)) continue;
    delete files[file.sourcemapFileName];
    file.code = file.code.replace(/\n\/\/# sourceMappingURL=.*\n*$/, '\n');
  }
}

/**
 * Several processes may bundle at a time while others load what they have written. So each file appears whole, the name of a
 * chunk depends on its content, and the programs appear last.
 */
function writeWhole(files) {
  const draft = join(directory, `.draft-${process.pid}`);
  for (const { fileName, code, source } of files) {
    mkdirSync(dirname(join(draft, fileName)), { recursive: true });
    writeFileSync(join(draft, fileName), code ?? source);
  }
  for (const { fileName, isEntry } of files.toSorted((one, other) => Number(!!one.isEntry) - Number(!!other.isEntry))) {
    // A source that was saved meanwhile is newer than the program.
    if (isEntry) utimesSync(join(draft, fileName), began, began);
    mkdirSync(dirname(join(directory, fileName)), { recursive: true });
    renameSync(join(draft, fileName), join(directory, fileName));
  }
  rmSync(draft, { recursive: true });
}

/** What is newer belongs to another process that bundles at this moment. */
function removeOlder(files) {
  const kept = new Set(files.map(({ fileName }) => fileName.split('/')[0]));
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtime ?? began;
    if (!kept.has(name) && changedAt < began) rmSync(path, { recursive: true, force: true });
  }
}
