import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import {
  type Conversation,
  type ConversationDecision,
  conversation,
  decidedConversation,
} from '../../../../src/domain/conversation/conversation.js';
import { finalize, requestCancel } from '../../../../src/domain/conversation/endings.js';
import { KEPT_FOLD_VERSION, KeptConversation } from '../../../../src/domain/conversation/kept-conversation.js';
import { KeptFoldUnfit, NotLoaded, type SeenEvent } from '../../../../src/domain/conversation/kept-entries.js';
import { generate, preview, regenerate, send } from '../../../../src/domain/conversation/turns.js';
import { viewOf } from '../../../../src/domain/conversation/view.js';
import { Refusal } from '../../../../src/domain/refusal.js';
import { conversationEvents } from '../../../../src/events/conversation-events.js';
import { expectEqual } from '../../../support/expect-equal.js';
import { onlyUsually, usually } from '../../../support/extent.js';
import { drawnActs, eventsOf, foldOf, Ledger, uuid, writtenAtOnce } from './kept.js';
import { ada, assemble, command, ended } from './story.js';

const by = command('a command');
const FRESH = { message: uuid(0xeeee), generation: uuid(0xeeef) };
const asked = (whenBusy: 'reject' | 'enqueue' | 'interrupt') => ({
  generationId: FRESH.generation,
  options: { whenBusy },
});

/** Decisions of every kind about a node. */
function decisionsOn(id: string): ConversationDecision[] {
  const said = { messageId: FRESH.message, content: 'hello', origin: 'person' as const };
  return [
    send(by, said, asked('interrupt'), assemble),
    send(by, { ...said, parent: id }, asked('enqueue'), assemble),
    send(by, { ...said, revises: id }, null, assemble),
    generate(by, id, asked('enqueue'), assemble),
    regenerate(by, id, asked('enqueue'), assemble),
    requestCancel(by, id),
    finalize(ended(id), assemble),
    selectBranch(by, id),
    change(by, { title: 'another title', system: 'another text' }),
    (state) => {
      const { prompt } = preview(ada, { message: { ...said, parent: id }, asked: asked('reject') }, assemble)(state);
      return [{ type: 'PromptAssembled', data: { ...prompt, generationId: id, messageId: id, attempt: 1 } }];
    },
  ];
}

const outcomeOf = <T>(act: () => T) => {
  try {
    return act();
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.code, ...error.details };
    throw error;
  }
};

describe('a kept fold', () => {
  it.each([
    ['conversation', conversation],
    ['decidedConversation', decidedConversation],
  ])('of %s, read and folded on, is the fold from the first event', (_, aggregate) => {
    let notLoaded = 0;
    fc.assert(
      fc.property(drawnActs, fc.nat(), fc.nat(), (acts, one, other) => {
        const events = eventsOf(acts);
        const ledger = new Ledger(events);
        const [first = 0, second = 0] = [one, other].map((place) => place % (events.length + 1)).sort((a, b) => a - b);
        let state = aggregate.initial;
        const foldOn = (from: number, to: number) => {
          for (const event of events.slice(from, to)) {
            state = ledger.loading(() => {
              try {
                return aggregate.evolve(state, event);
              } catch (error) {
                if (error instanceof NotLoaded) notLoaded += 1;
                throw error;
              }
            });
          }
        };
        foldOn(0, first);
        state = ledger.read(writtenAtOnce(state), aggregate);
        foldOn(first, second);
        // Over a kept one.
        state = ledger.read(writtenAtOnce(state), aggregate);
        foldOn(second, events.length);
        expectEqual(ledger.plain(state), ledger.plain(foldOf(aggregate, events)));
      }),
      { numRuns: usually(200, 5_000) },
    );
    expect(notLoaded).toBeGreaterThan(0);
  });

  it('leads to the decisions and the view of the fold from the first event', () => {
    fc.assert(
      fc.property(drawnActs, fc.nat(), fc.nat(15), (acts, place, pick) => {
        const events = eventsOf(acts);
        const ledger = new Ledger(events);
        const kept = events.slice(0, 1 + (place % events.length));
        const whole = foldOf(decidedConversation, kept);
        const bytes = writtenAtOnce(whole);
        for (const decision of decisionsOn(uuid(pick))) {
          const state = ledger.read(bytes, decidedConversation);
          const decided = outcomeOf(() => ledger.loading(() => decision(state)));
          expectEqual(
            decided,
            outcomeOf(() => decision(whole)),
          );
          if (!Array.isArray(decided)) continue;
          const after = decided.map((event, nth) => ({
            ...(events[0] as SeenEvent),
            ...event,
            id: uuid(0xfffff + nth),
          }));
          const fold = (from: Conversation) => (after as SeenEvent[]).reduce(decidedConversation.evolve, from);
          expectEqual(ledger.plain(ledger.loading(() => fold(state))), ledger.plain(fold(whole)));
        }
        for (const looking of [{}, { branch: uuid(pick) }, { before: uuid(pick) }]) {
          const view = (state: Conversation) => viewOf('c', { state, tape: null, cursor: '1:0' }, looking);
          const state = ledger.read(bytes, decidedConversation);
          expectEqual(
            outcomeOf(() => ledger.loading(() => view(state))),
            outcomeOf(() => view(whole)),
          );
        }
      }),
      { numRuns: usually(100, 2_000) },
    );
  });

  onlyUsually(() => {
    it('is not used when a bit of it is damaged', () => {
      const bytes = writtenAtOnce(foldOf(conversation, eventsOf([{ act: 'turn', pick: 1, other: 1 }])));
      expect(KeptConversation.read(bytes, conversation)).toBeDefined();
      for (let nth = 0; nth < bytes.length; nth++) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(nth) ^ 1, nth);
        expect(KeptConversation.read(damaged, conversation)).toBeUndefined();
      }
      expect(KeptConversation.read(bytes.subarray(1), conversation)).toBeUndefined();
      expect(KeptConversation.read(Buffer.alloc(0), conversation)).toBeUndefined();
    });

    it('holds no text and no name of a user', () => {
      const acts = ['start', 'turn', 'note', 'rename', 'configure', 'turn'] as const;
      const events = eventsOf(acts.map((act, nth) => ({ act, pick: 2 * nth + 1, other: 41 })));
      const texts = [...new Set(JSON.stringify(events).match(/"[a-z]+ \d+"/g)), `"${ada.user}"`, `"${ada.tenant}"`];
      expect(texts).toEqual(
        expect.arrayContaining(['"said 1"', '"answer 41"', '"system 1"', '"title 7"', '"model 9"']),
      );
      const bytes = writtenAtOnce(foldOf(conversation, events)).toString('latin1');
      expect(texts.filter((text) => bytes.includes(text.replaceAll('"', '')))).toEqual([]);
    });

    it('of other events is found out when it is read', () => {
      const events = eventsOf([
        { act: 'start', pick: 1, other: 5 },
        ...Array.from({ length: 40 }, () => ({ act: 'turn' as const, pick: 1, other: 1 })),
      ]);
      const bytes = writtenAtOnce(foldOf(conversation, events));
      const [started, ...others] = events as [SeenEvent, ...SeenEvent[]];
      const shifted = new Ledger([...others, started].map((event, nth) => ({ ...event, seen: nth + 1 })));
      expect(() => shifted.read(bytes, conversation)).toThrow(KeptFoldUnfit);
      const turned = new Ledger([started, ...others.reverse()].map((event, nth) => ({ ...event, seen: nth + 1 })));
      const state = new Ledger(events).read(bytes, conversation);
      expect(() => turned.loading(() => [...state.nodes.newestFirst()])).toThrow(KeptFoldUnfit);
    });

    it('is not written for ids that are no UUIDs', () => {
      const [event] = eventsOf([{ act: 'message', pick: 1, other: 0 }]);
      const data = { ...(event as Extract<SeenEvent, { type: 'MessageSent' }>).data, messageId: 'short' };
      const state = conversation.evolve(conversation.initial, { ...event, data } as SeenEvent);
      expect(() => writtenAtOnce(state)).toThrow('cannot be kept');
    });
  });
});

interface GoldenFold {
  readonly events: readonly SeenEvent[];
  /** All that the fold of these events says. */
  readonly fold: object;
  /** The kept fold, in base64. */
  readonly kept: string;
}

const goldenOf = (version: number): string =>
  join(import.meta.dirname, '..', '..', '..', 'golden', 'folds', `kept-fold.v${version}.json`);

onlyUsually(() => {
  describe('the version of kept folds', () => {
    const { events, fold, kept } = JSON.parse(readFileSync(goldenOf(KEPT_FOLD_VERSION), 'utf8')) as GoldenFold;
    const present = foldOf(decidedConversation, events);

    // If one of these fails: raise KEPT_FOLD_VERSION, and put the file of the new version in place of that of the old one.
    it('changes when a fold of the same events says something else', () => {
      expect(JSON.parse(JSON.stringify(new Ledger(events).plain(present)))).toEqual(fold);
    });

    it('changes when a fold is kept in other bytes', () => {
      expect(writtenAtOnce(present, 4_711).toString('base64')).toBe(kept);
    });

    it('stays when other code reads the same fold from the same bytes', () => {
      const ledger = new Ledger(events);
      const read = ledger.read(Buffer.from(kept, 'base64'), decidedConversation);
      expect(JSON.parse(JSON.stringify(ledger.plain(read)))).toEqual(fold);
      expect(KeptConversation.read(Buffer.from(kept, 'base64'), decidedConversation)?.bytes).toBe(4_711);
    });

    it('is shown with events of every type, and with entries of every kind', () => {
      const types = new Set(events.map(({ type }) => type));
      expect([...types].sort()).toEqual(Object.keys(conversationEvents).sort());
      expect(present).toMatchObject({ open: expect.any(String), queue: [expect.any(String), expect.any(String)] });
      const nodes = [...present.nodes.newestFirst()];
      expect(new Set(nodes.map(({ kind }) => kind)).size).toBe(3);
      const replies = nodes.flatMap((node) => (node.kind === 'reply' ? [node] : []));
      expect(replies.some(({ regenerates }) => regenerates !== null)).toBe(true);
      expect(replies.some(({ cancelRequested }) => cancelRequested)).toBe(true);
      expect(present.withoutTexts).toBeGreaterThan(1);
    });
  });
});
