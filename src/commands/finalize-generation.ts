import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { conversationStream } from '../domain/conversation/conversation.js';
import { finalize } from '../domain/conversation/endings.js';
import { replyOf } from '../domain/conversation/tree.js';
import { derivedId } from '../domain/derived-id.js';
import { finalizationOf } from '../domain/finalization.js';
import type { AttemptEnded, Tape } from '../domain/generation.js';
import { costOfAnswer } from '../domain/prices.js';
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
    // Whoever finalizes it derives the same ids from the seal, so a second time is recognised even by the log.
    const commandId = derivedId(seal.event, 'finalize');
    const stream = conversationStream(conversation);
    const remembered = this.parts.conversations.last(stream)?.state;
    const known = remembered?.nodes.has(generation)
      ? remembered
      : (await this.parts.conversations.current(stream)).state;
    await transactConversation(this.parts, {
      tenant,
      conversation,
      meta: { ...originOf(known, generation), commandId, causationId: seal.event },
      decide: async (state) => {
        const { at: queuedAt, prompt } = replyOf(state, generation);
        const costOf = (end: AttemptEnded) => prompt && costOfAnswer(this.parts.prices, prompt, end);
        const result = finalizationOf(tape, { generationId: generation, queuedAt, costOf, sha256 });
        if (!result) return [];
        return this.parts.prompts.decide(state, {}, ({ assemble }) => finalize(result, { assemble, sha256 })(state));
      },
    });
  }
}
