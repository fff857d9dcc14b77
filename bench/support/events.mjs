import { randomUUID } from 'node:crypto';
import { catalogue } from '../../dist/events/catalogue.js';
import { createCodec } from '../../dist/events/codec.js';

export const codec = createCodec();

/** As the codec encodes it, without awaiting anything. */
export function encoded({ type, data }, { meta, ...envelope }) {
  const { schema } = catalogue[type];
  return { ...envelope, type, schema, data: JSON.stringify(data), meta: JSON.stringify(meta) };
}

const TEXT = 'The quick brown fox jumps over the lazy dog, and then some more words follow here. '.repeat(3);
const meta = {
  conversation: 'c-1',
  owner: 'ada',
  actor: { id: 'ada', kind: 'user' },
  correlationId: 'd2719f0e-6a4e-4a1c-9f0e-0a1b2c3d4e5f',
  commandId: 'd2719f0e-6a4e-4a1c-9f0e-0a1b2c3d4e60',
};

/** A delta of about 300 bytes of data, as the product would write it. */
export function newEvent(seq) {
  return encoded(
    { type: 'DeltaReceived', data: { attempt: 1, seq, block: 0, text: TEXT, channel: 'content' } },
    { id: randomUUID(), tenant: 'default', at: new Date().toISOString(), meta },
  );
}

export const newStream = () => `generation-${randomUUID()}`;
