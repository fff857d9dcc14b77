import { expect } from '@jest/globals';

/**
 * What a process keeps beside its heap: code, buffers, tokenizers, threads. Measured with 300 conversations of 50 turns
 * (`npm run bench -- memory`), rounded up.
 */
const BESIDE_HEAP_MIB = 400;

/** A heap as large as the bound of the container ends in SIGKILL, and one that is far smaller wastes it. */
export function expectRoomBesideHeap(nodeOptions: string, boundMib: number): void {
  const heapMib = Number(/^--max-old-space-size=(\d+)$/.exec(nodeOptions)?.[1]);
  expect(boundMib - heapMib).toBeGreaterThanOrEqual(BESIDE_HEAP_MIB);
  expect(heapMib).toBeGreaterThanOrEqual(boundMib / 2);
}
