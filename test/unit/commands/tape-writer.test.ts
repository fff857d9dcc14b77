import { beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { Fenced, TapeWriter } from '../../../src/commands/tape-writer.js';
import { receive, type TapeDecision, takeUp } from '../../../src/domain/generation.js';
import type { Codec, TypedEvent } from '../../../src/events/codec.js';
import { gate } from '../../support/gate.js';
import { everFasterCodec, lateCodec } from '../../support/late-codec.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, typedEvents, wholeStream } from '../../support/new-events.js';

const TAPE = 'generation-g1';
const JOB = { generation: 'g1', conversation: 'c1', tenant: 'default', owner: 'ada' };
const ORIGIN = { actor: { id: 'ada', kind: 'user' }, owner: 'ada', correlationId: 'trace' } as const;

const claimOf = (worker: string): TapeDecision =>
  takeUp({
    asked: { provider: 'demo', model: 'demo-small' },
    worker,
    nowMs: systemClock.now(),
    deadlineMs: systemClock.now() + 60_000,
    cancelRequested: false,
  });
const delta = (text: string): TapeDecision => receive(1, { channel: 'content', block: 0, text } as never);

describe('a writer of a tape whose codec answers late', () => {
  let log: MemoryEventLog;
  let published: TypedEvent[];
  beforeEach(() => {
    log = new MemoryEventLog();
    published = [];
  });

  const writerWith = (by: Codec) => {
    const publish = (_: string, events: readonly TypedEvent[]) => void published.push(...events);
    return TapeWriter.ofNew({ log, codec: by, clock: systemClock, ids: systemIds, publish }, JOB, ORIGIN);
  };
  const { signal } = new AbortController();

  it('appends the events of all decisions in their order, and publishes them as a reader gets them', async () => {
    const writer = writerWith(everFasterCodec());
    await writer.write([claimOf('me')], signal);
    for (const texts of [['a', 'b'], ['c'], ['d', 'e', 'f']]) await writer.write(texts.map(delta), signal);
    const events = await typedEvents(await wholeStream(log, TAPE));
    expect(events.flatMap(({ data }) => ('text' in data ? [data.text] : []))).toEqual([...'abcdef']);
    expect(published).toEqual(events);
  });

  it('is fenced by a worker that writes meanwhile, and has written nothing', async () => {
    const begun = gate();
    const encodable = gate();
    const late = writerWith(
      lateCodec(() => {
        begun.open();
        return encodable.opened;
      }),
    );
    const writing = late.write([claimOf('late')], signal);
    await begun.opened;
    await writerWith(codec).write([claimOf('faster')], signal);
    encodable.open();
    await expect(writing).rejects.toBeInstanceOf(Fenced);
    expect(await typedEvents(await wholeStream(log, TAPE))).toMatchObject([{ data: { worker: 'faster' } }]);
  });
});
