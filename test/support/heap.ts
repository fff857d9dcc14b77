import { expect } from '@jest/globals';

/**
 * What a process needs beside its heap: 130 MiB were measured for code, buffers and tokenizers (`npm run bench -- memory` on
 * Node 24); 48 for the young generation, 64 for appends that wait, and 165 for 10,000 open feeds come on top.
 */
const BESIDE_HEAP_MIB = 407;

/** A heap as large as the bound of the container ends in SIGKILL, and one that is far smaller wastes it. */
export function expectRoomBesideHeap(nodeOptions: string, boundMib: number): void {
  const heapMib = Number(/^--max-old-space-size=(\d+)$/.exec(nodeOptions)?.[1]);
  expect(boundMib - heapMib).toBeGreaterThanOrEqual(BESIDE_HEAP_MIB);
  expect(heapMib).toBeGreaterThanOrEqual(boundMib / 2);
}
