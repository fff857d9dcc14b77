import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import {
  type Conversation,
  type ConversationDecision,
  conversation,
  decidedConversation,
  type RecordedInConversation,
} from '../../../../src/domain/conversation/conversation.js';
import { finalize, requestCancel } from '../../../../src/domain/conversation/endings.js';
import { generate, preview, regenerate, send } from '../../../../src/domain/conversation/turns.js';
import { Refusal } from '../../../../src/domain/refusal.js';
import type { ConversationEvent } from '../../../../src/events/conversation-events.js';
import { limits } from '../../../../src/limits.js';
import { ada, assemble, command, ended, promptOf } from './story.js';

let count = 0;
const recorded = (event: ConversationEvent): RecordedInConversation => {
  count += 1;
  const meta = { commandId: `c${count}`, correlationId: 'trace', owner: ada.user };
  return { ...event, id: `e${count}`, tenant: ada.tenant, at: '2026-01-02T03:04:05.678Z', meta };
};
const folded = (events: readonly ConversationEvent[], aggregate = conversation): Conversation =>
  events.reduce((state, event) => aggregate.evolve(state, recorded(event)), aggregate.initial);

const said = (messageId: string, text: string, kind: 'message' | 'note' = 'message'): ConversationEvent => ({
  type: 'MessageSent',
  data: { messageId, parent: null, role: 'user', origin: 'person', kind, parts: [{ type: 'text', text }] },
});
const started: ConversationEvent = {
  type: 'ConversationStarted',
  data: { title: null, system: null, purpose: 'chat' },
};
const turn: ConversationEvent[] = [
  said('m', 'Hi'),
  { type: 'GenerationRequested', data: { generationId: 'g', messageId: 'm', options: {} } },
  { type: 'PromptAssembled', data: { ...promptOf('p'), attempt: 1, generationId: 'g', messageId: 'm' } },
];

const outcome = (state: Conversation, decide: ConversationDecision): string | number => {
  try {
    return decide(state).length;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
};

const asked = { generationId: 'g2', options: { whenBusy: 'enqueue' as const } };
const message = { messageId: 'm2', content: 'more', origin: 'person' as const };
const additions: Record<string, ConversationDecision> = {
  'a message': send(command('k'), message, asked, assemble),
  'a note': send(command('k'), { ...message, kind: 'note' }, null, assemble),
  'a first answer': generate(command('k'), 'unanswered', asked, assemble),
  'another answer': regenerate(command('k'), 'g', asked, assemble),
  'a system text': change(command('k'), { system: 'Be brief.' }),
};
const changes: Record<string, ConversationDecision> = {
  'a new title': change(command('k'), { title: 'Old things' }),
  'an archived state': change(command('k'), { archived: true }),
  'a model': change(command('k'), { model: 'other' }),
  'no system text': change(command('k'), { system: null, model: 'other' }),
  'another branch': selectBranch(command('k'), 'm'),
};
const endings: Record<string, ConversationDecision> = {
  'a cancel': requestCancel(command('k'), 'g'),
  'the end of a generation': finalize(ended('g'), assemble),
};

const text = 'x'.repeat(limits.contentBytesMax);
const texts = Math.ceil(limits.conversationTextBytesMax / limits.contentBytesMax);
const notes = (most: number, content: string) =>
  Array.from({ length: most }, (_, nth) => said(`n${nth}`, content, 'note'));
const full: Record<string, Conversation> = {
  'of texts': folded([started, ...notes(texts, text), said('unanswered', 'Hi'), ...turn]),
  'of messages': folded([started, ...notes(limits.conversationNodesMax, 'x'), said('unanswered', 'Hi'), ...turn]),
  'of folded bytes': {
    ...folded([started, said('unanswered', 'Hi'), ...turn]),
    foldBytes: limits.conversationFoldBytesMax,
  },
  'of events': { ...folded([started, said('unanswered', 'Hi'), ...turn]), seen: limits.conversationEventsMax },
};

describe.each(Object.entries(full))('a conversation that is full %s', (_, state) => {
  it.each(Object.entries(additions))('refuses %s', (_, decide) => {
    expect(outcome(state, decide)).toBe('conversation_full');
  });

  it.each(Object.entries({ ...changes, ...endings }))('takes %s', (_, decide) => {
    expect(outcome(state, decide)).toBeGreaterThan(0);
  });

  it('refuses a preview of what it would refuse', () => {
    expect(() => preview(ada, { message, asked }, assemble)(state)).toThrow(
      'This conversation has reached its size limit',
    );
  });
});

describe.each([
  ['many changes', { seen: limits.conversationChangeEventsMax }],
  ['large changes', { foldBytes: limits.conversationChangeFoldBytesMax }],
])('a conversation of %s', (_, reached) => {
  const state = { ...folded([started, ...turn]), ...reached };

  it.each(Object.entries(changes))('refuses %s', (_, decide) => {
    expect(outcome(state, decide)).toBe('conversation_full');
  });

  it.each(Object.entries(endings))('takes %s', (_, decide) => {
    expect(outcome(state, decide)).toBeGreaterThan(0);
  });
});

describe('the room of a conversation', () => {
  it('holds at least 20,000 messages with their answers and 64 MiB of texts', () => {
    expect(limits.conversationNodesMax).toBeGreaterThanOrEqual(2 * 20_000);
    expect(limits.conversationEventsMax).toBeGreaterThanOrEqual(5 * limits.conversationNodesMax);
    const state = folded([started, ...notes(texts - 1, text), ...notes(1, 'y').map(() => said('last', text.slice(1)))]);
    expect(state.textBytes).toBe(limits.conversationTextBytesMax - 1);
    expect(outcome(state, send(command('k'), message, null, assemble))).toBe(1);
  });
});

describe('the fold for decisions', () => {
  const texts = fc.string({ minLength: 1, unit: 'grapheme' });

  it('is the whole one without the texts of notes and of answers that failed', () => {
    fc.assert(
      fc.property(
        texts,
        texts,
        fc.constantFrom('final' as const, 'error' as const, 'cancelled' as const),
        (note, answer, status) => {
          count = 0;
          const finalized: ConversationEvent = { type: 'GenerationFinalized', data: ended('g', answer, status) };
          const events = [started, said('n', note, 'note'), ...turn, finalized];
          const whole = folded(events);
          count = 0;
          const lean = folded(events, decidedConversation);
          expect(lean.textBytes).toBe(whole.textBytes);
          expect(lean.withoutTexts).toBe(status === 'error' ? 2 : 1);
          expect(lean.nodes.get('n')).toEqual({ ...whole.nodes.get('n'), text: '' });
          const { result } = whole.nodes.get('g') as { result: object };
          const kept = status === 'error' ? { ...result, text: '' } : result;
          expect(lean.nodes.get('g')).toEqual({ ...whole.nodes.get('g'), result: kept });
          expect({ ...lean, nodes: null, withoutTexts: 0 }).toEqual({ ...whole, nodes: null });
        },
      ),
    );
  });
});
