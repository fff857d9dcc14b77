import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { TypedEvent } from '../../../src/events/codec.js';
import { conversationEvents, generationEvents } from '../../../src/events/conversation-events.js';
import type { RecordedEvent } from '../../../src/events/envelope.js';
import { frameOf, snapshotFrame, weightOf } from '../../../src/sse/event-frames.js';
import { typedEvents } from '../../support/new-events.js';

const golden = join(import.meta.dirname, '..', '..', 'golden');

const stored = readdirSync(golden).flatMap((file): RecordedEvent[] => {
  if (!file.endsWith('.json')) return [];
  const { data, meta, ...envelope } = JSON.parse(readFileSync(join(golden, file), 'utf8'));
  return [{ ...envelope, data: JSON.stringify(data), meta: JSON.stringify(meta) }];
});
const goldenEvents = await typedEvents(stored.filter(({ stream }) => /^(conversation|generation)-/.test(stream)));

const cursor = { ledger: 13, tape: 41 };
const told = (event: TypedEvent) => frameOf({ event, cursor }).toString('utf8');
const dataOf = (event: TypedEvent) => JSON.parse(/^data: (.*)$/m.exec(told(event))?.[1] ?? '');
const named = (type: string) => goldenEvents.filter((event) => event.type === type);

describe('an event on the wire', () => {
  it('has one line of data, its cursor, and the name that clients know', () => {
    const names = new Map<string, string>();
    for (const event of goldenEvents) {
      const [, name = ''] = /^id: 13:41\nevent: ([a-z-]+)\ndata: \{.*\}\n\n$/.exec(told(event)) ?? [];
      names.set(event.type, name);
      expect(dataOf(event)).toMatchObject({ at: event.at });
    }
    const kebab = (type: string) => type.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase();
    const types = Object.keys({ ...conversationEvents, ...generationEvents });
    const expected = types.map((type) => [type, type === 'DeltaReceived' ? 'delta' : kebab(type)]);
    expect([...names].sort()).toEqual(expected.sort());
  });

  it('has texts unchanged', () => {
    for (const event of named('MessageSent')) {
      const { parts } = event.data as { parts: { text: string }[] };
      expect(dataOf(event).text).toBe(parts.map(({ text }) => text).join(''));
    }
  });

  it('is one line also for readers that break lines wherever a text may', () => {
    const text = 'a\u0085b\u2028c\u2029d\r\n\v\f\u001ce';
    const frame = snapshotFrame({ cursor: '1:0', text } as { cursor: string }).toString();
    expect(frame.split(/[\n\r\v\f\u0085\u2028\u2029]/)).toHaveLength(5);
    expect(JSON.parse(frame.split('data: ')[1] ?? '')).toEqual({ cursor: '1:0', text });
  });

  it('has the hash and counts of a prompt, and not its parts', () => {
    for (const event of named('PromptAssembled')) {
      expect(Object.keys(dataOf(event)).sort()).toEqual(
        'at bytes generationId messageId model params promptSha256 provider tokens trimmed'.split(' '),
      );
    }
  });

  it('names the generation of an event on its tape, and not the worker', () => {
    for (const type of ['GenerationClaimed', 'DeltaReceived', 'AttemptEnded']) {
      for (const event of named(type)) {
        expect(`generation-${dataOf(event).generationId}`).toBe(event.stream);
        expect(dataOf(event)).not.toHaveProperty('worker');
      }
    }
  });

  it('of a start or a cancel has no purpose and no reason: the API does not have them yet', () => {
    for (const event of named('ConversationStarted')) expect(dataOf(event)).not.toHaveProperty('purpose');
    for (const event of named('GenerationCancelRequested'))
      expect(Object.keys(dataOf(event))).toEqual(['generationId', 'at']);
  });

  it('of an end has usage in the words of the API, and no field that only the log needs', () => {
    const keys =
      'at attempt cost deltas error finishReason generationId modelServed status text textSha256 timings usage';
    for (const event of named('GenerationFinalized')) expect(Object.keys(dataOf(event)).sort().join(' ')).toBe(keys);
    const [first] = named('GenerationFinalized').filter(({ id }) => id.endsWith('020'));
    expect(dataOf(first as TypedEvent)).toMatchObject({
      usage: { promptTokens: 31, completionTokens: 12, completionTokensDetails: { reasoningTokens: 0 } },
      cost: { amount: '0.0000316', currency: 'USD' },
      error: null,
    });
    const always = 'at attempt droppedDeltas error finishReason generationId modelServed outcome usage'.split(' ');
    for (const event of named('AttemptEnded')) {
      const { response, retryAt, ...data } = dataOf(event);
      expect(Object.keys(data).sort()).toEqual(always);
      expect(response === undefined || Object.keys(response).length > 0).toBe(true);
    }
    expect(named('AttemptEnded').some((event) => dataOf(event).retryAt !== undefined)).toBe(true);
  });

  it('has no field that the API does not name', () => {
    for (const event of goldenEvents) {
      const later = { ...event, data: { ...event.data, addedLater: 'x' } } as TypedEvent;
      expect(dataOf(later)).toEqual(dataOf(event));
    }
  });

  it('is made once for all who get it at the same cursor, and right for the others', () => {
    const [event] = goldenEvents as [TypedEvent];
    const bytes = frameOf({ event, cursor });
    expect(frameOf({ event, cursor: { ...cursor } })).toBe(bytes);
    const other = frameOf({ event, cursor: { ledger: 14, tape: 0 } });
    expect(other.toString()).toBe(bytes.toString().replace('id: 13:41', 'id: 14:0'));
    expect(bytes.length).toBeGreaterThan(weightOf(event));
  });

  it('is preceded by a snapshot for a client without a cursor', () => {
    expect(snapshotFrame({ cursor: '1:0' }).toString()).toBe('id: 1:0\nevent: snapshot\ndata: {"cursor":"1:0"}\n\n');
  });
});
