#!/usr/bin/env node
// `npx verbatim`: a file of the checkout, and not of the build, because npm makes it executable only once.
import { buildIfStale } from './build-if-stale.mjs';

await buildIfStale();
await import('../dist/cli.js');
