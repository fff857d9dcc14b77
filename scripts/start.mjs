// `npm start`: runs the product in this very process, so that signals reach it.
import { buildIfStale } from './build-if-stale.mjs';

await buildIfStale();
await import('../dist/main.js');
