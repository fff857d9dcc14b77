import { describe, expect, it } from '@jest/globals';
import { PrometheusMetrics } from '../../../src/adapters/prometheus/prometheus-metrics.js';
import { limits } from '../../../src/limits.js';
import type { GenerationEnd } from '../../../src/ports/meter.js';
import { samplesIn } from '../../support/exposition.js';

const ended: GenerationEnd = {
  status: 'final',
  model: 'm',
  ttftMs: 40,
  durationMs: 700,
  promptTokens: 3,
  completionTokens: 5,
  cost: { amount: '0.25', currency: 'USD' },
};
const unknown = { ttftMs: null, durationMs: null, promptTokens: null, completionTokens: null, cost: null };
const samples = async (metrics: PrometheusMetrics) => samplesIn(await metrics.text());
const named = (all: Map<string, number>, name: string) => [...all].filter(([sample]) => sample.startsWith(name));

describe('the numbers of generations', () => {
  it('are what was known of their ends', async () => {
    const metrics = new PrometheusMetrics();
    metrics.generationEnded(ended);
    metrics.generationEnded({ ...ended, ttftMs: 20, cost: { amount: '0.5', currency: 'USD' } });
    metrics.generationEnded({ ...unknown, status: 'error', model: null });
    const all = await samples(metrics);
    expect(Object.fromEntries(all)).toMatchObject({
      'generations_total{status="final"}': 2,
      'generations_total{status="error"}': 1,
      'chat_tokens_total{kind="prompt",model="m"}': 6,
      'chat_tokens_total{kind="completion",model="m"}': 10,
      'chat_cost_total{currency="USD"}': 0.75,
      'chat_generation_ttft_seconds_bucket{le="0.025"}': 1,
      'chat_generation_ttft_seconds_bucket{le="0.05"}': 2,
      chat_generation_ttft_seconds_count: 2,
      chat_generation_duration_seconds_sum: 1.4,
      chat_generation_duration_seconds_count: 2,
    });
  });

  it.each([
    ['an amount that is none', { cost: { amount: 'free', currency: 'USD' } }],
    ['an amount without end', { cost: { amount: '1e999', currency: 'USD' } }],
    ['less than nothing', { cost: { amount: '-1', currency: 'USD' }, ttftMs: -1, durationMs: -1 }],
    ['no time', { cost: null, ttftMs: Number.NaN, durationMs: Number.NaN }],
  ])('leave out %s, without an error', async (_, wrong) => {
    const metrics = new PrometheusMetrics();
    metrics.generationEnded({ ...ended, ...unknown, ...wrong });
    const all = await samples(metrics);
    expect(named(all, 'chat_cost_total')).toEqual([]);
    expect(all.get('generations_total{status="final"}')).toBe(1);
    expect([...all.values()].every((value) => value >= 0)).toBe(true);
  });

  it('name so many models and no more, and always those that operators chose', async () => {
    const metrics = new PrometheusMetrics(['chosen']);
    for (let nth = 0; nth < 1_000; nth++) metrics.generationEnded({ ...ended, model: `made up ${nth}` });
    metrics.generationEnded({ ...ended, model: 'chosen' });
    const all = await samples(metrics);
    expect(named(all, 'chat_tokens_total')).toHaveLength(2 * (limits.countedNamesMax + 1));
    expect(all.get('chat_tokens_total{kind="prompt",model="chosen"}')).toBe(3);
    expect(all.get('chat_tokens_total{kind="prompt",model="other"}')).toBe(3 * (1_000 - limits.countedNamesMax + 1));
  });

  it('stay lines of text whatever a model is called', async () => {
    const metrics = new PrometheusMetrics();
    metrics.generationEnded({ ...ended, model: 'a"} 1\nb 2\\' });
    expect((await samples(metrics)).get('chat_tokens_total{kind="prompt",model="a\\"} 1\\nb 2\\\\"}')).toBe(3);
  });
});

describe('the numbers of the log', () => {
  it('have the count below each bound, and the total', async () => {
    const metrics = new PrometheusMetrics();
    for (const milliseconds of [0, 1, 1.5, 20_000]) metrics.appendAnswered(milliseconds);
    for (const events of [1, 7]) metrics.batchSent(events);
    const all = await samples(metrics);
    expect(named(all, 'log_append_seconds_bucket').map(([, count]) => count)).toEqual([
      1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4,
    ]);
    expect(Object.fromEntries(all)).toMatchObject({
      'log_append_seconds_bucket{le="0.001"}': 2,
      'log_append_seconds_bucket{le="+Inf"}': 4,
      log_append_seconds_sum: 20.0025,
      log_append_seconds_count: 4,
      'log_batch_events_bucket{le="1"}': 1,
      'log_batch_events_bucket{le="10"}': 2,
      log_batch_events_sum: 8,
    });
    expect(await metrics.text()).toContain('# TYPE log_append_seconds histogram\n');
  });
});

describe('what a part adds', () => {
  it('is read at a scrape, and is NaN when it cannot be read', async () => {
    const metrics = new PrometheusMetrics();
    let open = 1;
    metrics.gauge('open_things', 'Of this test.', () => open);
    metrics.gauge('far_things', 'Of this test.', async () => {
      if (open > 1) throw new Error('away');
      return 7;
    });
    expect(Object.fromEntries(await samples(metrics))).toMatchObject({ open_things: 1, far_things: 7 });
    open = 2;
    expect(Object.fromEntries(await samples(metrics))).toMatchObject({ open_things: 2, far_things: Number.NaN });
  });

  it('may be several of a kind, of which some go', async () => {
    const metrics = new PrometheusMetrics();
    let lags: Map<string, number> | undefined = new Map([
      ['runs', 3],
      ['usage', 0],
    ]);
    metrics.gaugeOfEach('lag_of_things', 'Of this test.', 'thing', async () => {
      if (!lags) throw new Error('away');
      return lags;
    });
    const read = async () => named(await samples(metrics), 'lag_of_things');
    expect(await read()).toEqual([
      ['lag_of_things{thing="runs"}', 3],
      ['lag_of_things{thing="usage"}', 0],
    ]);
    lags = new Map([['usage', 2]]);
    expect(await read()).toEqual([['lag_of_things{thing="usage"}', 2]]);
    lags = undefined;
    expect(await read()).toEqual([]);
  });
});
