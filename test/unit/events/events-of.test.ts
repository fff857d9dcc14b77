import { describe, expect, it } from '@jest/globals';
import { type TypedEvent, UndecodableEvent } from '../../../src/events/codec.js';
import type { NewEvent } from '../../../src/events/envelope.js';
import { eventsOf, NewerVersion } from '../../../src/ports/event-log.js';
import { everFasterCodec } from '../../support/late-codec.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, newDelta, newDeltas, newStream } from '../../support/new-events.js';

/** The texts of a stream with these events, and the error that ended the reading. */
async function read(events: readonly NewEvent[], by = codec): Promise<{ texts: string[]; error: unknown }> {
  const log = new MemoryEventLog();
  const stream = newStream();
  await log.append(stream, 'none', events);
  const texts: string[] = [];
  const reading = async () => {
    for await (const event of eventsOf({ log, codec: by }, stream)) texts.push(textOf(event));
  };
  return { texts, error: await reading().catch((error) => error) };
}

const textOf = (event: TypedEvent) => (event.type === 'DeltaReceived' ? event.data.text : event.type);

describe('the typed events of a stream', () => {
  it.each([
    ['damaged', { data: '{}' }, UndecodableEvent],
    ['of a newer version', { schema: 99 }, NewerVersion],
  ])('end with an error at one that is %s, after the events before it', async (_, other, kind) => {
    const { texts, error } = await read([newDelta('a'), newDelta('b'), { ...newDelta('c'), ...other }, newDelta('d')]);
    expect(texts).toEqual(['a', 'b']);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(newDelta().type);
  });

  it('keep their order when each page takes longer to decode than the next', async () => {
    const { texts, error } = await read(newDeltas(400), everFasterCodec());
    expect(error).toBeUndefined();
    expect(texts).toEqual(Array.from({ length: 400 }, (_, nth) => String(nth)));
  });
});
