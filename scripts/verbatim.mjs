#!/usr/bin/env node
// `npx verbatim`: a file of the checkout, and not of the build, because npm makes it executable only once.
import { bundleIfStale } from './bundle-if-stale.mjs';

await bundleIfStale();
process.setSourceMapsEnabled(true);
await import(new URL('../bundle/cli.js', import.meta.url).href);
