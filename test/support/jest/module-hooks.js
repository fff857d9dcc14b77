import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codeOf } from './type-script.js';

const globals = new URL('./globals.js', import.meta.url).href;

/** Our modules import `./name.js` where the file is name.ts. They pass the query of their own address on. */
export function resolve(specifier, context, next) {
  if (specifier === '@jest/globals') return { url: globals, shortCircuit: true };
  if (!specifier.startsWith('.') || !context.parentURL?.startsWith('file:')) return next(specifier, context);
  const url = new URL(specifier, context.parentURL);
  const source = url.href.replace(/\.js$/, '.ts');
  if (source === url.href || !existsSync(new URL(source))) return next(specifier, context);
  return { url: source + new URL(context.parentURL).search, format: 'module', shortCircuit: true };
}

export async function load(url, context, next) {
  if (!/^file:.*\.ts(\?|$)/.test(url)) return next(url, context);
  return { format: 'module', source: codeOf(fileURLToPath(url)), shortCircuit: true };
}
