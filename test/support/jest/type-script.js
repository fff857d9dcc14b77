import { readFileSync } from 'node:fs';
import { transformSync } from '@swc/core';

/** Nest needs the names of classes and the metadata of decorators. */
const options = (filename) => ({
  filename,
  swcrc: false,
  configFile: false,
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
  module: { type: 'es6' },
});

export const codeOf = (path) => transformSync(readFileSync(path, 'utf8'), options(path)).code;

/** Made again from the file, because few of the files ever appear in a stack. */
export const sourceMapOf = (path) =>
  transformSync(readFileSync(path, 'utf8'), { ...options(path), sourceMaps: true }).map;
