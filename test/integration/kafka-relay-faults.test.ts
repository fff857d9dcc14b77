import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KafkaRelay } from '../../src/adapters/kafka/kafka-relay.js';
import { limits } from '../../src/limits.js';
import { idsByKey, RelayGround } from '../support/relay-ground.js';
import { seenOnce } from '../support/scripted-relay.js';
import { type Answer, KAFKA_ERROR, StubKafka } from '../support/stub-kafka.js';
import { until } from '../support/until.js';

const TOPIC = 'verbatim.events.v1';
const BROKERS = 3;

const faults = fc.constantFrom<Answer | 'moved' | 'moved, kept'>(
  KAFKA_ERROR.none,
  KAFKA_ERROR.none,
  KAFKA_ERROR.outOfOrder,
  'unsaid',
  'cut',
  'moved',
  'moved, kept',
);

describe('the relay on brokers that move, forget and hang up', () => {
  it('loses nothing, and a reader that keeps the highest position sees each once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(faults, { maxLength: 25 }), fc.integer(), async (script, seed) => {
        const kafka = await StubKafka.start(BROKERS);
        kafka.addTopic(TOPIC, limits.relayPartitions);
        const left = [...script];
        let moves = Math.abs(seed);
        const move = (partition: number) => {
          const leaders = kafka.topics.get(TOPIC) ?? [];
          moves += 1;
          leaders[partition] = 1 + (moves % BROKERS);
        };
        kafka.onProduce = ({ node, partition }) => {
          if (node !== kafka.topics.get(TOPIC)?.[partition]) return KAFKA_ERROR.notLeader;
          const fault = left.shift() ?? KAFKA_ERROR.none;
          if (fault === 'moved' || fault === 'moved, kept') move(partition);
          if (fault === 'moved') return KAFKA_ERROR.notLeader;
          return fault === 'moved, kept' ? 'cut' : fault;
        };
        const ground = new RelayGround();
        ground.start(new KafkaRelay({ brokers: kafka.brokers, topic: TOPIC }));
        try {
          for (let nth = 0; nth < 8; nth++) await ground.deltas(`conversation-${nth}`, 5);
          const logged = await ground.chatIds();
          const ids = () => new Set(kafka.kept.map(({ headers }) => headers.ce_id));
          await until(() => ids().size === logged.length);
          const seen = seenOnce(kafka.kept).map(({ key, headers }) => ({ key, id: String(headers.ce_id) }));
          expect(idsByKey(seen)).toEqual(idsByKey(logged));
        } finally {
          await ground.stop();
          await kafka.stop();
        }
      }),
      { numRuns: 15 },
    );
  });
});
