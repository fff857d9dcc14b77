// `node run-program.mjs <program.cjs> <word>...` runs a bundled program, with the code that an earlier run has left compiled
// beside its files. Half of the CPU of a start went into compiling. With `--keep-code` as its first word it leaves it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const KEEP_CODE = '--keep-code';

const [, program, ...words] = process.argv.splice(1, process.argv.length);
const keepsCode = words[0] === KEEP_CODE;
process.argv.push(program, ...words.slice(keepsCode ? 1 : 0));

const native = createRequire(program);
const modules = new Map();
const scripts = new Map();
const keptCodeOf = (path) => `${path}.code`;

/** As Node loads CommonJS. The files of a bundle name each other relatively. */
function load(path) {
  const loaded = modules.get(path);
  if (loaded) return loaded.exports;
  const module = { exports: {} };
  modules.set(path, module);
  const cachedData = existsSync(keptCodeOf(path)) ? readFileSync(keptCodeOf(path)) : undefined;
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'utf8')}\n})`;
  const script = new Script(source, { filename: path, ...(cachedData && { cachedData }) });
  scripts.set(path, script);
  const folder = dirname(path);
  const require = (name) => (name.startsWith('./') ? load(join(folder, name)) : native(name));
  script.runInThisContext()(module.exports, Object.assign(require, { resolve: native.resolve }), module, path, folder);
  return module.exports;
}

if (keepsCode) {
  process.once('exit', () => {
    for (const [path, script] of scripts) writeFileSync(keptCodeOf(path), script.createCachedData());
  });
}
load(program);
