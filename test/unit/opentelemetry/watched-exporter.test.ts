import { describe, expect, it } from '@jest/globals';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { WatchedExporter } from '../../../src/adapters/opentelemetry/watched-exporter.js';

type Result = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** Exports batches of two spans with these results, and answers with what operators read. */
function noticesOf(results: readonly Result[]) {
  const left = [...results];
  const passed: Result[] = [];
  const notices: string[] = [];
  const exporter: SpanExporter = {
    export: (_, onResult) => onResult(left.shift() as Result),
    shutdown: async () => {},
  };
  const watched = new WatchedExporter(exporter, (text) => notices.push(text));
  for (const _ of results) watched.export([{}, {}] as ReadableSpan[], (result) => passed.push(result));
  return { notices, passed };
}

const sent: Result = { code: 0 };
const failed = (properties: object): Result => ({ code: 1, error: Object.assign(new Error('a secret'), properties) });

describe('an exporter that is watched', () => {
  it('reports an outage once when it begins, and once with the number of lost spans when it ends', () => {
    const results = [sent, failed({ code: 503 }), failed({ code: 503 }), sent, sent];
    expect(noticesOf(results)).toEqual({
      notices: [
        'traces cannot be exported (503): spans are dropped',
        'traces are exported again; 4 spans were dropped',
      ],
      passed: results,
    });
  });

  it.each([
    [{ code: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [{ code: 401, data: 'a secret' }, '401'],
    [{}, 'no answer'],
  ])('names of the failure %j only %j', (properties, reason) => {
    const { notices } = noticesOf([failed(properties)]);
    expect(notices).toEqual([`traces cannot be exported (${reason}): spans are dropped`]);
  });
});
