import { describe, expect, it } from '@jest/globals';
import { SpanKind } from '@opentelemetry/api';
import { TracedEventLog } from '../../../src/adapters/opentelemetry/traced-event-log.js';
import type { AppendOutcome, EventLog } from '../../../src/ports/event-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { newDelta } from '../../support/new-events.js';
import { recordedSpans } from '../../support/recorded-spans.js';

const TRACE = 'ab'.repeat(16);
const PARENT = 'cd'.repeat(8);
const traceparent = `00-${TRACE}-${PARENT}-01`;
const traced = { meta: JSON.stringify({ traceparent }) };
/** The log does not read events, so their type alone matters. */
const newClaim = () => ({ ...newDelta(), type: 'GenerationClaimed' });

function tracedLog(log: EventLog = new MemoryEventLog()) {
  const recorded = recordedSpans();
  return { ...recorded, log: new TracedEventLog(log, 'postgresql', recorded.spans) };
}

/** A log that answers an append in one way. */
const answering = (answer: () => Promise<AppendOutcome>): EventLog =>
  Object.assign(new MemoryEventLog(), { append: answer });

describe('the span of an append', () => {
  it('has the category of the stream, the number of events and the outcome, below the span that the events name', async () => {
    const { log, ended } = tracedLog();
    const events = [
      { ...newClaim(), ...traced },
      { ...newClaim(), ...traced },
    ];
    await log.append('conversation-secret', 'none', events);
    await log.append('conversation-secret', 'none', [{ ...newClaim(), ...traced }]);
    expect(ended()[0]).toMatchObject({
      name: 'append conversation',
      kind: SpanKind.CLIENT,
      traceId: TRACE,
      parentSpanId: PARENT,
    });
    expect(ended()[0]?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'append',
      'db.collection.name': 'conversation',
      'verbatim.append.events': 2,
      'verbatim.append.outcome': 'appended',
    });
    expect(ended()[1]).toMatchObject({ isError: false, attributes: { 'verbatim.append.outcome': 'conflict' } });
    expect(JSON.stringify(ended())).not.toContain('secret');
  });

  it('is an error when the log is unavailable or refuses the append, without its words', async () => {
    const away = tracedLog(answering(async () => ({ outcome: 'unavailable', maybeWritten: true })));
    await away.log.append('conversation-1', 'none', [{ ...newClaim(), ...traced }]);
    const refusing = tracedLog(
      answering(async () => {
        throw new RangeError('quotes a secret');
      }),
    );
    const refused = refusing.log.append('conversation-1', 'none', [{ ...newClaim(), ...traced }]);
    await expect(refused).rejects.toThrow('quotes a secret');
    const spans = [...away.ended(), ...refusing.ended()];
    expect(spans.map(({ isError, attributes }) => [isError, attributes['error.type']])).toEqual([
      [true, 'unavailable'],
      [true, 'RangeError'],
    ]);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  it('is not made for events without a trace, nor for deltas alone', async () => {
    const { log, ended } = tracedLog();
    await log.append('conversation-1', 'none', [newClaim()]);
    await log.append('generation-1', 'none', [
      { ...newDelta(), ...traced },
      { ...newDelta(), ...traced },
    ]);
    expect(ended()).toEqual([]);
  });

  it('does not move the append to a later turn of the event loop', () => {
    let calls = 0;
    const { log } = tracedLog(
      answering(async () => {
        calls += 1;
        return { outcome: 'unavailable', maybeWritten: false };
      }),
    );
    void log.append('conversation-1', 'none', [{ ...newClaim(), ...traced }]);
    expect(calls).toBe(1);
  });
});
