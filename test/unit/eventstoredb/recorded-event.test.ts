import { describe, expect, it } from '@jest/globals';
import { positionOf, serverPosition } from '../../../src/adapters/eventstoredb/position.js';
import { fromAllStreams, toServer } from '../../../src/adapters/eventstoredb/recorded-event.js';
import { START } from '../../../src/events/envelope.js';
import { newDelta } from '../../support/new-events.js';

const standing = {
  streamId: 'generation-1',
  revision: 7n,
  created: new Date(0),
  position: { commit: 30n, prepare: 4n },
};

describe('an event in EventStoreDB', () => {
  it('says what it belongs to in the words of the server’s own tools', () => {
    const event = { ...newDelta(), meta: '{ "correlationId": "c", "causationId": "e" }' };
    expect(toServer(event)).toMatchObject({
      id: event.id,
      type: 'DeltaReceived',
      metadata: { $correlationId: 'c', $causationId: 'e', tenant: 'default', schema: event.schema, at: event.at },
    });
  });

  it.each(['{}', 'null', '7', '{"correlationId":1}'])('goes without them when its meta is %s', (meta) => {
    expect(Object.keys(toServer({ ...newDelta(), meta }).metadata as object)).toEqual(
      expect.not.arrayContaining(['$correlationId', '$causationId']),
    );
  });

  it('comes back to the letter, with commit and prepare', () => {
    const event = { ...newDelta(), data: '{ "a": 1e400, "a": "é" }', meta: '{ "b" : "\\u0000" }' };
    const { data, metadata, ...named } = toServer(event);
    const stored = { ...named, ...standing, data, metadata, isJson: false as const };
    expect(fromAllStreams(stored)).toStrictEqual({
      ...event,
      stream: 'generation-1',
      revision: 7,
      position: `00000000000000000030/00000000000000000004/${event.id}`,
    });
  });

  it('is none of this log when another program has written it', () => {
    const foreign = {
      ...standing,
      id: newDelta().id,
      type: 'OrderPlaced',
      data: { a: 1 },
      metadata: {},
      isJson: true as const,
    };
    expect(fromAllStreams(foreign)).toBeUndefined();
  });
});

describe('a position', () => {
  it('compares as the server’s do, and leads back to both numbers', () => {
    const places = [0n, 9n, 10n, 2n ** 63n].flatMap((commit) => [
      { commit, prepare: 0n },
      { commit, prepare: 10n },
    ]);
    const positions = places.map((place) => positionOf(place));
    expect([START, ...positions]).toEqual([...positions, START].sort());
    expect(positions.map(serverPosition)).toEqual(places);
    expect(serverPosition(START)).toBe('start');
  });
});
