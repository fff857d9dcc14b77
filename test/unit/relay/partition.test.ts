import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { partitionOf } from '../../../src/relay/partition.js';

const theirs = Partitioners.DefaultPartitioner();

function partitionOfTheirs(key: string, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    ...{ partitionId, partitionErrorCode: 0, leader: 1, replicas: [], isr: [] },
  }));
  return theirs({ topic: 't', partitionMetadata, message: { key, value: null } });
}

describe('the partition of a key', () => {
  it('is where every other Kafka client puts it', () => {
    const keys = fc.oneof(fc.uuid(), fc.string(), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 50 }), (key, partitions) => {
        expect(partitionOf(key, partitions)).toBe(partitionOfTheirs(key, partitions));
      }),
      { numRuns: 500 },
    );
  });

  it('differs between conversations', () => {
    const partitions = new Set(Array.from({ length: 200 }, (_, nth) => partitionOf(`conversation ${nth}`, 12)));
    expect(partitions.size).toBe(12);
  });
});
