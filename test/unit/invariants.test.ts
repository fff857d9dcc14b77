import { describe, expect, it } from '@jest/globals';
import { type FeedPlace, placeAfter } from '../../src/sse/conversation-history.js';
import { frameOf } from '../../src/sse/event-frames.js';
import { breaches } from '../support/invariants/check.js';
import { typedEvents } from '../support/new-events.js';
import { type HistoryEvent, TurnHistory } from '../support/turn-history.js';
import type { Acknowledgement, Shown } from '../support/turn-journal.js';

/** One of each: a plain answer, one that was tried again, one that was cut off, one that was cancelled, a lone claim. */
async function honest(): Promise<TurnHistory> {
  const history = new TurnHistory().started();
  history.sent('1').takenUp('g1', 'w1').called('g1', 'Hello').received('g1', 'Hel', 'lo').completed('g1');
  history.regenerated('2', 'g1').takenUp('g2', 'w1').called('g2', 'lost').takenUp('g2', 'w2');
  history.called('g2', 'Hi there').received('g2', 'Hi', ' there').completed('g2');
  history.takenUp('g-refused', 'w1');
  history
    .sent('3')
    .takenUp('g3', 'w1')
    .called('g3', 'partial')
    .received('g3', 'part')
    .takenUp('g3', 'w2')
    .finalized('g3');
  history.sent('4').takenUp('g4', 'w1').called('g4', 'never').received('g4', 'ne');
  history.cancelled('g4').takenUp('g4', 'w1').finalized('g4');
  history.journal.acknowledged.push(history.journal.acknowledged.at(1) as Acknowledgement);
  const feed = history.journal.feed('reader', 'c1');
  feed.shown.push(...(await shownOf(history)));
  feed.isComplete = true;
  return history;
}

/** What becomes of claims whose prompts were not recorded. */
async function withdrawing(): Promise<TurnHistory> {
  const history = new TurnHistory().started();
  history.takenUp('g-refused', 'w1').withdrawn('g-refused');
  history.takenUp('g-often', 'w1').withdrawn('g-often').takenUp('g-often', 'w2').withdrawn('g-often');
  history.takenUp('g-left', 'w1').withdrawn('g-left').takenUp('g-left', 'w2');
  history.sent('1').takenUp('g1', 'w1').withdrawn('g1').takenUp('g1', 'w2').called('g1', 'Hello').received('g1', 'Hel');
  history.sent('2', { whenBusy: 'enqueue' }).takenUp('g2', 'w1').withdrawn('g2').cancelled('g2');
  history.received('g1', 'lo').completed('g1');
  history.journal.feed('reader', 'c1').shown.push(...(await shownOf(history)));
  return history;
}

/** As the product tells it, by its own code. */
async function shownOf(history: TurnHistory): Promise<Shown[]> {
  const prompts = history.events.filter(({ type }) => type === 'PromptAssembled');
  const told = prompts.map(({ data }) => `generation-${data.generationId}`);
  const shown: Shown[] = [];
  let place: FeedPlace = { cursor: { ledger: 0, tape: 0 }, open: undefined };
  for await (const { events } of history.log().readAll()) {
    const wanted = events.filter(({ stream }) => !stream.startsWith('generation-') || told.includes(stream));
    for (const event of await typedEvents(wanted)) {
      place = placeAfter(place, event);
      const [id, name, data] = frameOf({ event, cursor: place.cursor }).toString().trim().split('\n') as [
        string,
        string,
        string,
      ];
      shown.push({ id: id.slice(4), event: name.slice(7), data: JSON.parse(data.slice(6)) });
    }
  }
  return shown;
}

const NAMED = { provider: 'demo', model: 'demo' };
const eventOf = (history: TurnHistory, type: string, stream: string, nth = 0): HistoryEvent => {
  const found = history.events.filter((event) => event.type === type && event.stream.endsWith(stream))[nth];
  if (!found) throw new Error(`no ${type} in ${stream}`);
  return found;
};

const dropped = (history: TurnHistory, ...gone: HistoryEvent[]) => {
  for (const event of gone) history.events.splice(history.events.indexOf(event), 1);
};

/** Directly behind another event, as an event of its own. */
const added = (
  history: TurnHistory,
  behind: HistoryEvent,
  { type = behind.type, stream = behind.stream, data = {} } = {},
) => {
  const copy = structuredClone(behind);
  const event = {
    ...copy,
    id: `${behind.id}-again`,
    type,
    stream,
    data: { ...(type === behind.type && copy.data), ...data },
  };
  history.events.splice(history.events.indexOf(behind) + 1, 0, event);
  return event;
};

const delta = (history: TurnHistory, generation: string, nth = 0) => eventOf(history, 'DeltaReceived', generation, nth);
const feedOf = (history: TurnHistory) => history.journal.feeds[0] as TurnHistory['journal']['feeds'][number];
const shownDelta = (history: TurnHistory, nth = 0) =>
  feedOf(history).shown.filter(({ event }) => event === 'delta')[nth] as Shown;

/** What is done to an honest history, and the invariant that is broken by it. */
const lies: Record<string, [broken: string, (history: TurnHistory) => unknown]> = {
  'nothing was acknowledged': ['no proof', ({ journal }) => journal.acknowledged.splice(0)],
  'no model was called': ['no proof', ({ calls }) => calls.splice(0)],
  'no client was shown an answer': ['no proof', ({ journal }) => journal.feeds.splice(0)],

  'an acknowledged message is not there': ['1', ({ journal }) => journal.acknowledged.push(acknowledgedNever)],
  'an acknowledged cancel is not there': [
    '1',
    (history) =>
      dropped(
        history,
        eventOf(history, 'GenerationCancelRequested', 'c1'),
        eventOf(history, 'GenerationFinalized', 'c1', 3),
      ),
  ],
  'an answered cursor lies beyond the end': [
    '1',
    ({ journal }) => Object.assign(journal.acknowledged.at(1)?.answer as object, { cursor: '99:0' }),
  ],
  'a prompt is not the one that was answered': [
    '1',
    ({ journal }) => Object.assign(journal.acknowledged.at(1)?.answer as object, { promptSha256: 'f'.repeat(64) }),
  ],

  'a key was answered in two ways': [
    '2',
    ({ journal: { acknowledged } }) => acknowledged.push({ ...(acknowledged.at(1) as Acknowledgement), status: 200 }),
  ],
  'a command did its work twice': [
    '2',
    (history) => added(history, eventOf(history, 'MessageSent', 'c1'), { data: { messageId: 'another' } }),
  ],

  'an event occurs twice': ['3', (history) => Object.assign(delta(history, 'g1'), { id: delta(history, 'g1', 1).id })],

  'a piece is lost': ['4', (history) => dropped(history, delta(history, 'g1'))],
  'a piece occurs twice': ['4', (history) => added(history, delta(history, 'g1'))],
  'two pieces have changed places': [
    '4',
    (history) => {
      const [one, other] = [delta(history, 'g1'), delta(history, 'g1', 1)].map((event) =>
        history.events.indexOf(event),
      );
      [history.events[one as number], history.events[other as number]] = [
        delta(history, 'g1', 1),
        delta(history, 'g1'),
      ];
    },
  ],
  'a piece is empty': ['4', (history) => Object.assign(delta(history, 'g1').data, { text: '' })],
  'the model said something else': ['4', ({ calls }) => Object.assign(calls[0] as object, { answer: 'Goodbye' })],
  'an answer was cut off and called complete': [
    '4',
    ({ calls }) => Object.assign(calls[0] as object, { answer: 'Hello!' }),
  ],
  'a client was not shown a piece': [
    '4',
    (history) => feedOf(history).shown.splice(feedOf(history).shown.indexOf(shownDelta(history)), 1),
  ],
  'a client was shown a piece twice': [
    '4',
    (history) =>
      feedOf(history).shown.splice(feedOf(history).shown.indexOf(shownDelta(history)), 0, shownDelta(history)),
  ],
  'a client was shown another text': ['4', (history) => Object.assign(shownDelta(history).data, { text: 'Hell' })],
  'a client was not shown the end': ['4', (history) => feedOf(history).shown.pop()],
  'a client was shown what nobody committed': [
    '4',
    (history) => feedOf(history).shown.push({ id: '99:0', event: 'message-sent', data: {} }),
  ],

  'a generation ended twice': ['5', (history) => added(history, eventOf(history, 'GenerationFinalized', 'c1'))],
  'a generation did not end': ['5', (history) => dropped(history, eventOf(history, 'GenerationFinalized', 'c1', 3))],
  'its text is not what its tape says': [
    '5',
    (history) =>
      Object.assign(eventOf(history, 'GenerationFinalized', 'c1').data, { blocks: [{ kind: 'text', text: 'Help' }] }),
  ],
  'the hash of its text is another': [
    '5',
    (history) => Object.assign(eventOf(history, 'GenerationFinalized', 'c1').data, { textSha256: 'f'.repeat(64) }),
  ],
  'a tape goes on behind its seal': [
    '5',
    (history) => added(history, eventOf(history, 'AttemptEnded', 'g1'), { type: 'DeltaReceived', data: late }),
  ],
  'a tape has no seal': ['5', (history) => dropped(history, eventOf(history, 'AttemptEnded', 'g1'))],
  'a tape without a request has more than a claim': [
    '5',
    (history) =>
      added(history, eventOf(history, 'GenerationClaimed', 'g-refused'), { type: 'DeltaReceived', data: late }),
  ],
  'a snapshot showed another text': [
    '5',
    (history) =>
      feedOf(history).shown.splice(0, 99, { id: '1:0', event: 'snapshot', data: { tree: [{ id: 'm9', text: '' }] } }),
  ],

  'something was sent that is not on the record': [
    '6',
    ({ calls }) => calls.push({ ...(calls[0] as (typeof calls)[0]), body: '{}' }),
  ],
  'something was sent before it was on the record': [
    '6',
    (history) => Object.assign(history.calls[0] as object, { head: history.events[1]?.position }),
  ],
  'an answer came of no call': ['6', ({ calls }) => calls.shift()],

  'a prompt cannot be made again': [
    '8',
    (history) => Object.assign(eventOf(history, 'ConversationStarted', 'c1').data, { system: 'Be verbose.' }),
  ],

  'a replaced worker still wrote': ['9', (history) => Object.assign(delta(history, 'g2').data, { attempt: 1 })],
  'two workers held one claim': [
    '9',
    (history) => added(history, eventOf(history, 'GenerationClaimed', 'g1'), { data: { worker: 'w2', ...NAMED } }),
  ],
  'a worker took over what was not ended': ['9', (history) => dropped(history, eventOf(history, 'AttemptEnded', 'g2'))],

  'a model was called again in silence': ['10', ({ calls }) => calls.push(calls[0] as (typeof calls)[0])],
  'a model was called again after text had come': [
    '10',
    (history) => {
      const ended = eventOf(history, 'AttemptEnded', 'g3');
      Object.assign(ended.data, { retryAt: '2026-01-02T03:04:05.678Z' });
      added(history, ended, { type: 'GenerationClaimed', data: { attempt: 2, worker: 'w2', ...NAMED } });
    },
  ],
  'a claim names another model than its prompt': [
    '10',
    (history) => Object.assign(eventOf(history, 'GenerationClaimed', 'g1').data, { model: 'another' }),
  ],
  'a crash goes by another name': [
    '10',
    (history) =>
      Object.assign(eventOf(history, 'GenerationFinalized', 'c1', 2).data, { error: { kind: 'network', message: '' } }),
  ],
};

const claimedAgain = { type: 'GenerationClaimed', data: { attempt: 2, worker: 'w2', ...NAMED } };

/** The same for claims that were withdrawn. */
const liesOfClaims: typeof lies = {
  'a claim without a request ended in another way': [
    '5',
    (history) => Object.assign(eventOf(history, 'AttemptEnded', 'g-refused').data, { error: interrupted }),
  ],
  'a claim without a request was sealed': [
    '5',
    (history) => Object.assign(eventOf(history, 'AttemptEnded', 'g-often', 1).data, { retryAt: undefined }),
  ],
  'a claim was not withdrawn before the next': [
    '5',
    (history) => dropped(history, eventOf(history, 'AttemptEnded', 'g-often')),
  ],
  'a model was called for a claim that was withdrawn': ['10', ({ calls }) => calls.push(calls[0] as (typeof calls)[0])],
  'what was called says that it was not': [
    '5',
    (history) => Object.assign(eventOf(history, 'AttemptEnded', 'g2').data, { error: interrupted }),
  ],
  'what was claimed and received says that it was not called': [
    '5',
    (history) => {
      const withdrawal = eventOf(history, 'AttemptEnded', 'g2');
      added(history, added(history, withdrawal, claimedAgain), {
        type: 'DeltaReceived',
        data: { ...late, attempt: 2 },
      });
    },
  ],
};

const interrupted = { kind: 'interrupted', message: '' };
const late = { attempt: 1, seq: 0, block: 0, text: 'late', channel: 'content' };
const acknowledgedNever = {
  key: 'lost',
  asked: { what: 'send', content: 'lost' },
  conversation: 'c1',
  status: 202,
  answer: { messageId: 'm9', generationId: 'g9', promptSha256: null, cursor: '4:0' },
} as const;

describe('the checker of the invariants', () => {
  it('finds nothing in an honest history', async () => {
    const history = await honest();
    expect(await breaches({ ...history, log: history.log() })).toEqual([]);
  });

  it('finds nothing in one whose claims were withdrawn', async () => {
    const history = await withdrawing();
    expect(await breaches({ ...history, log: history.log() })).toEqual([]);
  });

  it.each(Object.entries(liesOfClaims))('finds that %s', async (_, [broken, lie]) => {
    const history = await withdrawing();
    lie(history);
    const found = await breaches({ journal: history.journal, calls: history.calls, log: history.log() });
    expect(found).toContainEqual(expect.stringMatching(`^${broken}: `));
  });

  it.each(Object.entries(lies))('finds that %s', async (_, [broken, lie]) => {
    const history = await honest();
    lie(history);
    const found = await breaches({ journal: history.journal, calls: history.calls, log: history.log() });
    expect(found).toContainEqual(expect.stringMatching(`^${broken}: `));
  });

  it.each([
    ['position', 'a gap', (event: HistoryEvent) => Object.assign(event, { position: '9'.repeat(19) })],
    ['revision', 'a gap', (event: HistoryEvent) => Object.assign(event, { revision: 99 })],
    [
      'position',
      'an order that is not that of the commits',
      (event: HistoryEvent) => Object.assign(event, { position: '0'.repeat(19) }),
    ],
  ])('finds in the %s %s', async (_, __, lie) => {
    const history = await honest();
    lie(history.events.at(-1) as HistoryEvent);
    const found = await breaches({ journal: history.journal, calls: history.calls, log: history.log(false) });
    expect(found).toContainEqual(expect.stringMatching('^3: '));
  });
});
