// `npm start`: runs the product in this very process, so that signals reach it.
import { bundleIfStale } from './bundle-if-stale.mjs';

await bundleIfStale();
process.setSourceMapsEnabled(true);
await import(new URL('../bundle/main.js', import.meta.url).href);
