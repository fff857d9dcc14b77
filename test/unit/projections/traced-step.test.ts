import { describe, expect, it } from '@jest/globals';
import { type Position, START } from '../../../src/events/envelope.js';
import { traced } from '../../../src/projections/traced-step.js';
import { newDelta } from '../../support/new-events.js';
import { recordedSpans } from '../../support/recorded-spans.js';

const build = { projection: 'runs', build: 2 };
const to = '0000000000000000009' as Position;
const step = { events: [{ ...newDelta(), stream: 'generation-1', revision: 0 }], from: START, to };

describe('a step of a read model', () => {
  it('is applied within its span', async () => {
    const { tracer, ended } = recordedSpans();
    let spansMeanwhile: number | undefined;
    await traced({ tracer }, build, step, async () => {
      spansMeanwhile = ended().length;
    });
    expect([spansMeanwhile, ended().map(({ name, isError }) => [name, isError])]).toEqual([
      0,
      [['project runs', false]],
    ]);
  });

  it('fails as it would without a span', async () => {
    const { tracer, ended } = recordedSpans();
    const refused = new RangeError('refused');
    await expect(traced({ tracer }, build, step, () => Promise.reject(refused))).rejects.toBe(refused);
    expect(ended()).toMatchObject([{ isError: true, attributes: { 'error.type': 'RangeError' } }]);
  });

  it.each([
    ['only moves the checkpoint', { tracer: recordedSpans() }, { ...step, events: [] }],
    ['is applied in a process that traces nothing', { tracer: undefined }, step],
  ])('has no span when it %s', async (_, { tracer }, quiet) => {
    let applied = 0;
    await traced({ tracer: tracer?.tracer }, build, quiet, async () => {
      applied += 1;
    });
    expect([applied, tracer?.ended() ?? []]).toEqual([1, []]);
  });
});
