import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Conversation,
  conversation,
  type RecordedInConversation,
} from '../../../../src/domain/conversation/conversation.js';
import { statusOf } from '../../../../src/domain/conversation/run.js';
import { lineageOf, nodesOf, pathTo } from '../../../../src/domain/conversation/tree.js';
import { type ConversationEvent, conversationEvents } from '../../../../src/events/conversation-events.js';
import { eventsOfType } from '../../events/arbitrary-events.js';
import { ended, promptOf, recorded, Story } from './story.js';

const fold = (events: readonly RecordedInConversation[], from = conversation.initial): Conversation =>
  events.reduce(conversation.evolve, from);

/** What is visible of a state, in a form that can be compared. */
const visible = (state: Conversation) => ({
  ...state,
  nodes: nodesOf(state),
});

const fewIds = ['a', 'b', 'c', 'd'];

/** Events as nobody would append them: every id is one of a few, so that they contradict each other. */
const anyEvents = fc.array(
  fc.oneof(...Object.keys(conversationEvents).map((type) => eventsOfType(type))).chain((event) => {
    const ids = Object.keys(event.data).filter((name) => /Id$|^parent$|^revises$|^regenerates$|^leaf$/.test(name));
    return fc.tuple(...ids.map(() => fc.constantFrom(...fewIds))).map((drawn) => ({
      ...event,
      data: { ...event.data, ...Object.fromEntries(ids.map((id, nth) => [id, drawn[nth]])) },
    }));
  }),
  { maxLength: 60 },
);

describe('the fold of a conversation', () => {
  it('never throws and never makes a cycle, for any events', () => {
    fc.assert(
      fc.property(anyEvents, (drawn) => {
        const events = drawn.map((event, nth) => recorded(event as ConversationEvent, nth));
        const states = events.map((_, nth) => fold(events.slice(0, nth + 1)));
        states.forEach((state, nth) => {
          expect(state.seen).toBe(nth + 1);
          for (const node of nodesOf(state)) {
            expect(pathTo(state, node.id).at(-1)).toBe(node);
            expect(lineageOf(state, node.id).length).toBeLessThanOrEqual(fewIds.length);
            expect(statusOf(state, node, true)).toBeDefined();
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('counts unknown events for the cursor, and changes nothing else', () => {
    const story = new Story().started().turn('1');
    const later = { ...recorded({ type: 'BranchSelected', data: { leaf: 'm1' } }, 9), type: 'InventedLater' };
    const state = conversation.evolve(story.state, later as unknown as RecordedInConversation);
    expect(state.seen).toBe(story.state.seen + 1);
    expect({ ...state, seen: 0 }).toEqual({ ...story.state, seen: 0 });
  });

  it('never changes a state that it has returned', () => {
    const story = new Story();
    const given: { state: Conversation; was: string }[] = [];
    const remember = () => given.push({ state: story.state, was: JSON.stringify(visible(story.state)) });
    story.started();
    for (let nth = 0; nth < 30; nth++) {
      story.sends(`${nth}`, {}, { whenBusy: 'enqueue' });
      remember();
      if (nth % 3 === 0) story.ends('', ended(story.state.open as string));
      remember();
    }
    for (const { state, was } of given) expect(JSON.stringify(visible(state))).toBe(was);
  });

  it('makes no cycle of answers', () => {
    const story = new Story().started();
    story.sends('1', {}, null);
    const asked = (generationId: string, regenerates: string): ConversationEvent => ({
      type: 'GenerationRequested',
      data: { generationId, messageId: 'm1', regenerates, options: {} },
    });
    const state = fold([recorded(asked('a', 'b'), 10), recorded(asked('b', 'a'), 11)], story.state);
    expect([lineageOf(state, 'a'), lineageOf(state, 'b')]).toEqual([['a'], ['a', 'b']]);
  });

  it('overwrites no node', () => {
    const story = new Story().started().turn('1');
    const again: ConversationEvent[] = [
      { type: 'ConversationStarted', data: { title: 'another', system: null, purpose: 'chat' } },
      { type: 'GenerationFinalized', data: ended('g1', 'another') },
      { type: 'PromptAssembled', data: { ...promptOf('another'), attempt: 1, generationId: 'g1', messageId: 'm1' } },
      { type: 'GenerationRequested', data: { generationId: 'g1', messageId: 'm1', options: {} } },
      {
        type: 'MessageSent',
        data: {
          messageId: 'm1',
          parent: null,
          role: 'user',
          origin: 'person',
          kind: 'message',
          parts: [{ type: 'text', text: 'x' }],
        },
      },
    ];
    const state = fold(
      again.map((event, nth) => recorded(event, 100 + nth)),
      story.state,
    );
    const counts = { seen: 0, textBytes: 0 };
    expect({ ...visible(state), ...counts }).toEqual({ ...visible(story.state), ...counts });
  });

  it('costs the same per event, however long the conversation is', () => {
    const turns = Array.from({ length: 5_000 }, (_, nth): ConversationEvent[] => [
      {
        type: 'MessageSent',
        data: {
          messageId: `message-${nth}`,
          parent: nth === 0 ? null : `generation-${nth - 1}`,
          role: 'user',
          origin: 'person',
          kind: 'message',
          parts: [{ type: 'text', text: `text ${nth}` }],
        },
      },
      {
        type: 'GenerationRequested',
        data: { generationId: `generation-${nth}`, messageId: `message-${nth}`, options: {} },
      },
      {
        type: 'PromptAssembled',
        data: { ...promptOf('{}'), attempt: 1, generationId: `generation-${nth}`, messageId: `message-${nth}` },
      },
      { type: 'GenerationFinalized', data: ended(`generation-${nth}`) },
    ]);
    const events = turns.flat().map((event, nth) => recorded(event, nth));
    const before = process.cpuUsage();
    const state = fold(events);
    const ms = process.cpuUsage(before).user / 1000;
    expect(state).toMatchObject({ seen: 20_000, leaf: 'generation-4999', open: null });
    expect(pathTo(state, state.leaf)).toHaveLength(10_000);
    // It takes some hundredth of this, and with a copy of the nodes for each event many times as much.
    expect(ms).toBeLessThan(10_000);
  });
});
