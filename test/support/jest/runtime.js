import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import JestRuntime from 'jest-runtime';
import { current } from './current-globals.js';
import { sourceMapOf } from './type-script.js';

const require = createRequire(import.meta.url);

register('./module-hooks.js', import.meta.url);

let watchedFiles = 0;

/**
 * Runs test files on the modules of Node itself. Jest's own runtime loads each module anew for each test file, in a context
 * of Node's vm: with Nest, Fastify and our sources that took two seconds of CPU for a file. Here all test files of a process
 * share their modules, as the requests of a deployment do.
 */
export default class NodeRuntime extends JestRuntime {
  #environment;
  #isWatching;
  #testPath;
  #sourceMaps;

  constructor(...words) {
    super(...words);
    const [projectConfig, , , , , , testPath, globalConfig] = words;
    this.#environment = projectConfig.testEnvironmentOptions.environment ?? {};
    this.#isWatching = globalConfig.watch || globalConfig.watchAll;
    this.#testPath = testPath;
    this.#sourceMaps = new SourceMaps(projectConfig.cacheDirectory);
  }

  /** Jest would lead the modules that Node knows to its own loader. */
  installGetBuiltinModule() {}

  unstable_shouldLoadAsEsm() {
    return true;
  }

  /** Modules read the environment once, so those for another environment are others. A change is loaded where Jest watches. */
  async unstable_importModule(path) {
    const url = pathToFileURL(path);
    url.search = new URLSearchParams({ ...this.#environment, ...(this.#isWatching && { run: ++watchedFiles }) });
    return import(url.href);
  }

  /** The framework of the tests, which keeps the state of one test file. */
  requireInternalModule(path) {
    delete require.cache[path];
    return require(path);
  }

  setGlobalsForRuntime(globals) {
    Object.assign(current, globals, { jest: this.jestGlobals.jestObjectFor(this.#testPath) });
  }

  getSourceMaps() {
    return this.#sourceMaps;
  }
}

/** From the address of a module to the file of its source map, which is written when a stack asks for it. */
class SourceMaps extends Map {
  #directory;

  constructor(directory) {
    super();
    this.#directory = directory;
  }

  get(address) {
    if (!super.has(address) && /\.ts(\?|$)/.test(address)) this.set(address, this.#written(address));
    return super.get(address);
  }

  #written(address) {
    const source = address.startsWith('file:') ? fileURLToPath(address) : address;
    const map = sourceMapOf(source);
    const file = join(this.#directory, `${createHash('sha256').update(map).digest('hex')}.map`);
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(file, map);
    return file;
  }
}
