import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type Conversation, conversationStream } from '../domain/conversation/conversation.js';
import { finalize } from '../domain/conversation/endings.js';
import { replyOf } from '../domain/conversation/tree.js';
import { derivedId } from '../domain/derived-id.js';
import { finalizationOf } from '../domain/finalization.js';
import type { AttemptEnded, Tape } from '../domain/generation.js';
import { costOfAnswer } from '../domain/prices.js';
import type { ConversationEvent } from '../events/conversation-events.js';
import type { Job } from '../ports/work.js';
import type { ConversationParts } from './conversation-parts.js';
import { originOf } from './origin.js';
import { sha256 } from './sha256.js';
import { transactConversation } from './transact-conversation.js';

/** Writes the end of a generation whose tape is sealed, and opens the next one that waits. Any node may, and once. */
export class FinalizeGeneration extends Command<void> {
  constructor(
    readonly job: Job,
    readonly tape: Tape,
  ) {
    super();
  }
}

@CommandHandler(FinalizeGeneration)
export class FinalizeGenerationHandler implements ICommandHandler<FinalizeGeneration> {
  constructor(private readonly parts: ConversationParts) {}

  async execute({ job: { generation, conversation, tenant }, tape }: FinalizeGeneration): Promise<void> {
    const { seal } = tape;
    if (!seal) return;
    const stream = conversationStream(conversation);
    const remembered = this.parts.conversations.last(stream)?.state;
    let known = remembered?.nodes.has(generation) ? remembered : (await this.parts.conversations.current(stream)).state;
    while (!replyOf(known, generation).result) {
      // One command for each append: its ids derive from the seal and from the turn at the head of the queue.
      const [head] = known.queue;
      const commandId = derivedId(seal.event, head === undefined ? 'finalize' : `finalize before ${head}`);
      const { state } = await transactConversation(this.parts, {
        tenant,
        conversation,
        meta: { ...originOf(known, generation), commandId, causationId: seal.event },
        decide: (state) => (state.queue[0] === head ? this.decide(state, generation, tape) : []),
      });
      known = state;
    }
  }

  private async decide(state: Conversation, generation: string, tape: Tape): Promise<readonly ConversationEvent[]> {
    const { at: queuedAt, prompt } = replyOf(state, generation);
    const costOf = (end: AttemptEnded) => prompt && costOfAnswer(this.parts.prices, prompt, end);
    const result = finalizationOf(tape, { generationId: generation, queuedAt, costOf, sha256 });
    if (!result) return [];
    return this.parts.prompts.decide(state, {}, ({ assemble }) => finalize(result, { assemble, sha256 })(state));
  }
}
