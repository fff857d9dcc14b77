import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import {
  type Command,
  type ConversationDecision,
  conversation,
} from '../../../../src/domain/conversation/conversation.js';
import { finalize, requestCancel } from '../../../../src/domain/conversation/endings.js';
import {
  lineageOf,
  type Node,
  nodesOf,
  pathTo,
  type Reply,
  replyOf,
} from '../../../../src/domain/conversation/tree.js';
import { generate, type NewMessage, preview, regenerate, send } from '../../../../src/domain/conversation/turns.js';
import { Refusal, type RefusalCode } from '../../../../src/domain/refusal.js';
import { expectEqual } from '../../../support/expect-equal.js';
import { Model, type WhenBusy } from './model.js';
import { ada, assemble, command, ended, GONE, Story } from './story.js';

/** A step of a history. Numbers pick among what there is, so every drawn history makes sense of some kind. */
type Step = Readonly<{
  act: 'send' | 'edit' | 'generate' | 'regenerate' | 'select' | 'cancel' | 'finalize' | 'change';
  pick: number;
  whenBusy: WhenBusy;
  note: boolean;
  asks: boolean;
  gone: boolean;
  where: 'default' | 'root' | 'picked';
  status: 'final' | 'cancelled' | 'error';
}>;

const oftenOrSeldom = (often: boolean) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(often) }, { weight: 1, arbitrary: fc.constant(!often) });

const steps: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    { weight: 4, arbitrary: fc.constant('send' as const) },
    { weight: 3, arbitrary: fc.constantFrom('finalize' as const, 'cancel' as const, 'regenerate' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('edit' as const, 'generate' as const, 'select' as const, 'change' as const),
    },
  ),
  pick: fc.nat({ max: 1_000 }),
  whenBusy: fc.constantFrom('reject' as const, 'enqueue' as const, 'enqueue' as const, 'interrupt' as const),
  note: oftenOrSeldom(false),
  asks: oftenOrSeldom(true),
  gone: oftenOrSeldom(false),
  where: fc.constantFrom('default' as const, 'default' as const, 'root' as const, 'picked' as const),
  status: fc.constantFrom('final' as const, 'cancelled' as const, 'error' as const),
});

const isNote = ({ kind }: Node): boolean => kind === 'note';
const sorted = (ids: readonly string[]): string => [...ids].sort().join();

/** Plays one history against the conversation and the model at once. */
class Play {
  readonly story = new Story();
  readonly model = new Model();
  readonly refusals = new Set<RefusalCode>();
  private count = 0;

  constructor() {
    this.story.started();
  }

  step(step: Step): void {
    this.count += 1;
    this.obeyOrRefuse(step);
  }

  private obeyOrRefuse(step: Step): void {
    const by = command(`step-${this.count}`, `request ${this.count}`);
    const { decision, predicted } = this.resolved(step, by);
    const refusal = this.obey(decision, by);
    expectEqual([step.act, refusal], [step.act, predicted]);
    if (refusal) this.refusals.add(refusal);
  }

  private obey(decision: ConversationDecision, by: Command): RefusalCode | undefined {
    try {
      this.story.does(decision, by);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  }

  private resolved(step: Step, by: Command): { decision: ConversationDecision; predicted: RefusalCode | undefined } {
    const { model } = this;
    const { whenBusy, gone } = step;
    const id = this.anyId(step.pick);
    const turn = { id: `g${this.count}`, whenBusy, gone };
    const asked = { generationId: turn.id, options: { whenBusy, ...(gone && { provider: GONE }) } };
    switch (step.act) {
      case 'send':
      case 'edit': {
        const said = this.said(step, id);
        const message: NewMessage = { ...said, messageId: said.id, content: `text ${said.id}`, origin: 'person' };
        this.expectPreviewToHold(message, asked, step.asks);
        const decision = send(by, message, step.asks ? asked : null, assemble);
        return { decision, predicted: model.send(said, step.asks ? turn : null) };
      }
      case 'generate':
        return { decision: generate(by, id, asked, assemble), predicted: model.generate(id, turn) };
      case 'regenerate':
        return { decision: regenerate(by, id, asked, assemble), predicted: model.regenerate(id, turn) };
      case 'select':
        return { decision: selectBranch(by, id), predicted: model.select(id) };
      case 'cancel':
        return { decision: requestCancel(by, id), predicted: model.cancel(id) };
      case 'finalize': {
        const generation = model.open !== null && step.asks ? model.open : id;
        const result = ended(generation, step.status === 'error' ? '' : `answer ${generation}`, step.status);
        return { decision: finalize(result, assemble), predicted: model.finalize(generation, step.status) };
      }
      default:
        return { decision: change(by, { title: `title ${step.pick % 3}`, archived: step.note }), predicted: undefined };
    }
  }

  private said({ act, note, where }: Step, id: string) {
    const said = { id: `m${this.count}`, ...(note && { kind: 'note' as const }) };
    if (act === 'edit') return { ...said, revises: id };
    if (where === 'default') return said;
    return { ...said, parent: where === 'root' ? null : id };
  }

  /** A turn that is asked for at once has the prompt that its preview showed. */
  private expectPreviewToHold(
    message: NewMessage,
    asked: { generationId: string; options: object },
    asks: boolean,
  ): void {
    const { state } = this.story;
    if (state.open !== null || !asks || message.kind === 'note') return;
    const attempt = <T>(act: () => T) => {
      try {
        return act();
      } catch (error) {
        return (error as Refusal).code;
      }
    };
    const shown = attempt(() => preview(ada, { message, asked }, assemble)(state).prompt.sha256);
    if (shown === 'message_is_note') return;
    const sent = attempt(() => {
      const recorded = send(command('preview'), message, asked, assemble)(state).at(-1);
      return recorded?.type === 'PromptAssembled' ? recorded.data.sha256 : recorded?.type;
    });
    expectEqual(sent, shown);
  }

  private anyId(pick: number): string {
    if (pick % 20 === 0) return 'elsewhere';
    return this.model.nodes[pick % Math.max(1, this.model.nodes.length)]?.id ?? 'elsewhere';
  }

  expectAgreement(): void {
    const { model, story } = this;
    const { state } = story;
    const nodes = nodesOf(state).map((node) => ({
      id: node.id,
      kind: node.kind,
      parent: node.parent,
      ...(node.kind === 'reply' && node.regenerates !== null && { regenerates: node.regenerates }),
    }));
    expectEqual(nodes, model.nodes);
    const replies = nodesOf(state).filter((node) => node.kind === 'reply');
    const results = replies.flatMap(({ id, result }) => (result ? [[id, result.status] as const] : []));
    expectEqual(new Map<string, string>(results), model.ended);
    const waiting = model.queue.map(({ id }) => id);
    expectEqual([state.leaf, state.open, state.queue], [model.leaf, model.open, waiting]);
    const cancelling = replies.filter(({ cancelRequested }) => cancelRequested).map(({ id }) => id);
    expectEqual(new Set(cancelling), model.cancelling);
  }

  /** Each that is broken, by name: one comparison for a whole state. */
  brokenInvariants(): string[] {
    const { state, events } = this.story;
    const nodes = nodesOf(state);
    const paths = nodes.map(({ id }) => pathTo(state, id));
    const leaf = state.leaf === null ? undefined : state.nodes.get(state.leaf);
    const unfinished = nodes.filter((node) => node.kind === 'reply' && !node.result).map(({ id }) => id);
    const waiting = [...(state.open === null ? [] : [state.open]), ...state.queue];
    const finalized = events.flatMap((event) => (event.type === 'GenerationFinalized' ? event.data.generationId : []));
    const rules = {
      'every path starts at a root': paths.every(([root]) => root?.parent === null),
      'no path meets itself': paths.every((path) => new Set(path).size === path.length),
      'nothing follows a note': paths.every((path) => path.slice(0, -1).every(({ kind }) => kind !== 'note')),
      'the leaf is there and no note': state.leaf === null ? nodes.every(isNote) : leaf !== undefined && !isNote(leaf),
      'what has not ended is open or queued': sorted(unfinished) === sorted(waiting),
      'nothing waits behind nothing': state.queue.length === 0 || state.open !== null,
      'one end each': new Set(finalized).size === finalized.length,
      'lineage goes back to the first answer': nodes.every((node) => node.kind !== 'reply' || this.isDescended(node)),
    };
    return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [rule]));
  }

  private isDescended(reply: Reply): boolean {
    const { state } = this.story;
    const lineage = lineageOf(state, reply.id).map((id) => replyOf(state, id));
    const siblings = this.model.nodes.filter(({ kind, parent }) => kind === 'reply' && parent === reply.parent);
    return (
      lineage.at(-1) === reply &&
      lineage[0]?.id === siblings[0]?.id &&
      lineage.every(({ parent }) => parent === reply.parent)
    );
  }

  /** The state is nothing but its events, from any point on. */
  expectReplay(): void {
    const { events, state } = this.story;
    const whole = events.reduce(conversation.evolve, conversation.initial);
    expectEqual(nodesOf(whole), nodesOf(state));
    expectEqual({ ...whole, nodes: null }, { ...state, nodes: null });
  }
}

describe('any history of a conversation', () => {
  it('is what a simple model says, and keeps what must hold', () => {
    const refusals = new Set<RefusalCode>();
    let most = 0;
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }), (history) => {
        const play = new Play();
        for (const step of history) {
          play.step(step);
          play.expectAgreement();
          expectEqual(play.brokenInvariants(), []);
        }
        play.expectReplay();
        for (const code of play.refusals) refusals.add(code);
        most = Math.max(most, play.story.events.length);
      }),
      { numRuns: 400 },
    );
    // A history that meets no refusal and no queue would prove little.
    expect([...refusals].sort()).toEqual([
      'already_replied',
      'conversation_busy',
      'generation_not_found',
      'leaf_is_note',
      'leaf_not_found',
      'message_is_note',
      'message_not_found',
      'nothing_to_regenerate',
      'parent_is_note',
      'parent_is_queued',
      'parent_not_found',
      'provider_not_configured',
      'revision_mismatch',
    ]);
    expect(most).toBeGreaterThan(40);
  });
});
