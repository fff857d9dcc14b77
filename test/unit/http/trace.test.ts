import { describe, expect, it } from '@jest/globals';
import { traceIdOf, traceparentOf } from '../../../src/http/caller.js';

const valid = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
const withHeader = (traceparent: string | undefined) => ({ headers: { traceparent } });

describe('the trace of a request', () => {
  it('is the one that it came with', () => {
    expect(traceparentOf(withHeader(valid))).toBe(valid);
    expect(traceIdOf(withHeader(valid), () => 'new')).toBe('ab'.repeat(16));
    expect(traceparentOf(withHeader(`01${valid.slice(2)}-later`))).toBe(`01${valid.slice(2)}-later`);
  });

  it.each([
    undefined,
    '',
    'hello',
    valid.toUpperCase(),
    `${valid}-later`,
    `ff${valid.slice(2)}`,
    valid.replace(/ab/g, '00'),
    valid.replace(/cd/g, '00'),
    `${valid}, ${valid}`,
    `${valid}\n`,
  ])('is a new one when it came with %j', (traceparent) => {
    expect(traceparentOf(withHeader(traceparent))).toBeUndefined();
    expect(traceIdOf(withHeader(traceparent), () => 'new')).toBe('new');
  });
});
