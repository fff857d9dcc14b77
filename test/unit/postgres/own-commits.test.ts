import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bigintOf, positionOf } from '../../../src/adapters/postgres/position.js';
import { OwnCommits } from '../../../src/adapters/postgres/recent-events.js';
import { newDeltas } from '../../support/new-events.js';

function told() {
  const positions: number[] = [];
  const commits = new OwnCommits(({ outcome }) => positions.push(Number(bigintOf(outcome.position))));
  return { commits, positions };
}

/** An append of one event, which stands at a position. */
const at = (position: number) => ({
  append: { stream: 'generation-1', expected: 'none', events: newDeltas(1), bytes: 0 } as const,
  outcome: { outcome: 'appended', revision: position, position: positionOf(String(position)) } as const,
});

describe('a commit of this process', () => {
  it('is delivered at once when it follows the last delivered one', () => {
    const { commits, positions } = told();
    commits.answered(commits.sent(), [at(1), at(2)]);
    const other = commits.sent();
    commits.answered(commits.sent(), [at(3)]);
    commits.answered(other, []);
    expect(positions).toEqual([1, 2, 3]);
  });

  it('is delivered in the order of commits when the answers come in another one', () => {
    const { commits, positions } = told();
    const [first, second] = [commits.sent(), commits.sent()];
    commits.answered(second, [at(2)]);
    expect(positions).toEqual([]);
    commits.answered(first, [at(1)]);
    expect(positions).toEqual([1, 2]);
  });

  it('waits only for what was on its way when it was answered', () => {
    const { commits, positions } = told();
    const [lost, early] = [commits.sent(), commits.sent()];
    commits.answered(early, [at(7)]);
    commits.sent();
    commits.answered(lost);
    expect(positions).toEqual([7]);
  });

  it('is delivered in order except late ones, with any batches and other writers in between', () => {
    const batch = fc.record({ events: fc.integer({ min: 0, max: 3 }), foreign: fc.boolean(), turn: fc.nat() });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 30 }), (batches) => {
        const { commits, positions } = told();
        const committed: number[] = [];
        const waiting: { turn: number; answer: () => void }[] = [];
        let last = 0;
        for (const { events, foreign, turn } of batches) {
          if (foreign) last += 1;
          const own = Array.from({ length: events }, () => at(++last));
          committed.push(...own.map(({ outcome }) => outcome.revision));
          const sent = commits.sent();
          waiting.push({ turn, answer: () => commits.answered(sent, own) });
          // Two at a time, as there are two writers.
          if (waiting.length === 2) waiting.splice(turn % 2, 1)[0]?.answer();
        }
        for (const { answer } of waiting) answer();
        expect(positions).toEqual(committed);
      }),
    );
  });
});
