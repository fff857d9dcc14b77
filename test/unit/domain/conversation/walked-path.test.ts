import { describe, expect, it } from '@jest/globals';
import { type Conversation, conversation, foreseen } from '../../../../src/domain/conversation/conversation.js';
import { assemblyOf, bodyOf, entryOf, WalkedPath } from '../../../../src/domain/conversation/prompting.js';
import { pathTo, replyOf } from '../../../../src/domain/conversation/tree.js';
import { Refusal } from '../../../../src/domain/refusal.js';
import type { ConversationEvent } from '../../../../src/events/conversation-events.js';
import { oneEach } from '../prompt/drafts.js';

const sent = (id: string, parent: string | null): ConversationEvent => ({
  type: 'MessageSent',
  data: {
    ...{ messageId: id, parent, role: 'user', origin: 'person', kind: 'message' },
    parts: [{ type: 'text', text: id }],
  },
});

/** Messages that follow each other, and beside each but the first another branch. */
function longConversation(messages: number): Conversation {
  const events = Array.from({ length: messages }, (_, nth) => {
    const parent = nth === 0 ? null : `m${nth - 1}`;
    return nth === 0 ? [sent('m0', null)] : [sent(`m${nth}`, parent), sent(`side${nth}`, parent)];
  });
  return foreseen(conversation.initial, events.flat());
}

/** Counts how many nodes are looked at. */
function counted(state: Conversation): { readonly state: Conversation; readonly looks: () => number } {
  let looks = 0;
  const get = (id: string) => {
    looks += 1;
    return state.nodes.get(id);
  };
  const nodes = Object.assign(Object.create(state.nodes), { get }) as Conversation['nodes'];
  return { state: { ...state, nodes }, looks: () => looks };
}

describe('a path that is walked from its end', () => {
  it('is the whole path, whichever part is read first', () => {
    const state = longConversation(6);
    for (const id of ['m0', 'm5', 'side3', null]) {
      const whole = pathTo(state, id).map(entryOf);
      for (let place = 0; place <= whole.length; place++) {
        const path = new WalkedPath(state, id);
        expect(path).toHaveLength(whole.length);
        expect(path.at(place)).toEqual(whole.at(place));
        expect(path.slice(place)).toEqual(whole.slice(place));
        expect(new WalkedPath(state, id).slice(0, place)).toEqual(whole.slice(0, place));
      }
    }
  });

  it('makes a prompt and its bytes cost what the prompt holds, however long the conversation is', () => {
    const looksOf = (messages: number) => {
      const asked: ConversationEvent = {
        type: 'GenerationRequested',
        data: { generationId: 'g', messageId: `m${messages - 1}`, options: {} },
      };
      const { state, looks } = counted(foreseen(longConversation(messages), [asked]));
      const configured = { ...state, settings: { ...state.settings, tokenBudget: 100 } };
      const models = { provider: 'demo', model: null, providers: { demo: 'demo' } };
      const assembly = assemblyOf(models, () => oneEach, configured, replyOf(configured, 'g'));
      if (assembly instanceof Refusal || !assembly.ok) throw new Error('no prompt');
      const { prompt, body } = assembly;
      expect(prompt.trimmed).toMatchObject([{ from: 'm0', reason: 'budget' }]);
      expect(prompt.trimmed[0]?.count).toBe(messages - assembly.segments.length);
      expect(bodyOf(configured, prompt)).toBe(body);
      return looks();
    };
    expect(looksOf(9_000)).toBe(looksOf(2_000));
  });
});
