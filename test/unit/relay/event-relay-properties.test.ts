import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PositionShape } from '../../support/memory/memory-event-log.js';
import { idsByKey, RelayGround } from '../../support/relay-ground.js';
import { type Fate, ScriptedRelay, seenOnce } from '../../support/scripted-relay.js';
import { until } from '../../support/until.js';

const fates = fc.constantFrom<Fate>('acknowledged', 'acknowledged', 'lost', 'kept, but no answer');

/** What happens one after the other: somebody writes, or another process takes the relay over. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ conversation: fc.constantFrom('a', 'b', 'c', 'd'), events: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.constant('taken over' as const) },
  ),
  { maxLength: 12 },
);

describe('whatever becomes of its sends and its owners', () => {
  it.each<PositionShape>(['gapless', 'sparse'])(
    'who keeps the highest position sees every event once, in order (%s positions)',
    async (shape) => {
      await fc.assert(
        fc.asyncProperty(steps, fc.array(fates, { maxLength: 30 }), async (history, script) => {
          const ground = RelayGround.ofShape(shape);
          const destination = new ScriptedRelay();
          const left = [...script];
          destination.fateOf = () => left.shift() ?? 'acknowledged';
          let relay = ground.start(destination);
          for (const step of history) {
            if (step === 'taken over') {
              await relay.stop();
              relay = ground.start(destination, `node-${crypto.randomUUID()}`);
            } else if (step.events > 0) {
              await ground.deltas(step.conversation, step.events);
            }
          }
          const logged = await ground.chatIds();
          await until(() => new Set(destination.ids()).size === logged.length);
          await relay.stop();
          const seen = seenOnce(destination.kept).map(({ key, headers }) => ({ key, id: String(headers.ce_id) }));
          expect(seen).toHaveLength(logged.length);
          expect(idsByKey(seen)).toEqual(idsByKey(logged));
        }),
        { numRuns: 60 },
      );
    },
  );
});
