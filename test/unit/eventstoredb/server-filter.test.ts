import { describe, expect, it } from '@jest/globals';
import { reportsCaughtUp, serverFilter } from '../../../src/adapters/eventstoredb/server-filter.js';
import { passes } from '../../../src/ports/log-rules.js';

const EVENTS = ['conversation-1', 'conversations-1', 'generation-1', 'tenant-1'].flatMap((stream) =>
  ['DeltaReceived', 'DeltaReceivedTwice', 'MessageSent', '$stats'].map((type) => ({ stream, type })),
);

describe('the filter that a server gets', () => {
  it.each([
    [undefined],
    [{}],
    [{ categories: ['conversation'] }],
    [{ categories: ['conversation', 'tenant'] }],
    [{ withoutTypes: ['DeltaReceived'] }],
    [{ categories: ['generation'], withoutTypes: ['DeltaReceived', 'MessageSent'] }],
  ])('of a reader that wants %j lets through all of it', (filter) => {
    const { by, regex } = serverFilter(filter);
    const wanted = EVENTS.filter((event) => event.type !== '$stats' && passes(event, filter));
    expect(wanted.filter((event) => !new RegExp(regex).test(event[by]))).toEqual([]);
    expect(wanted.length).toBeGreaterThan(0);
  });

  it.each([
    [{}, 'stream', false],
    [{ categories: ['conversation'] }, 'stream', true],
    [{ categories: ['conversation'], withoutTypes: ['DeltaReceived'] }, 'type', true],
  ] as const)('of a reader that wants %j is about the %s', (filter, by, isNarrow) => {
    expect(serverFilter(filter)).toMatchObject({ by, isNarrow });
  });

  it('leaves out other categories, types that are not wanted, and the server’s own', () => {
    const ofStreams = new RegExp(serverFilter({ categories: ['conversation'] }).regex);
    expect(['conversations-1', 'tenant-1', '$stats-1'].filter((name) => ofStreams.test(name))).toEqual([]);
    const ofTypes = new RegExp(serverFilter({ withoutTypes: ['DeltaReceived'] }).regex);
    expect(['DeltaReceived', '$stats'].filter((type) => ofTypes.test(type))).toEqual([]);
  });
});

it.each([
  ['23.10.6', true],
  ['24.10.0.1401', true],
  ['25.0.1', true],
  ['23.6.0', false],
  ['22.10.5', false],
  ['', false],
])('a server of version %s says when it has caught up: %s', (version, expected) => {
  expect(reportsCaughtUp(version)).toBe(expected);
});
