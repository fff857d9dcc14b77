import { answerBlocks } from '../../src/domain/texts.js';
import type { DomainEvent } from '../../src/events/catalogue.js';

interface ScriptedTurn {
  readonly deltas: number;
  /** While this turn runs another one waits, and is cancelled before it is called. */
  readonly cancelsQueued: boolean;
  readonly ends: boolean;
}

interface ScriptedEvent {
  readonly stream: string;
  readonly id: string;
  readonly event: DomainEvent;
}

/** The events of conversation `c1` and its generations, as the product would append them, turn after turn. */
export function conversationScript(turns: readonly ScriptedTurn[]): ScriptedEvent[] {
  const events: ScriptedEvent[] = [];
  const add = (stream: string, event: DomainEvent) => {
    const id = `00000000-0000-4000-8000-${String(events.length).padStart(12, '0')}`;
    events.push({ stream, id, event });
  };
  const ledger = (event: DomainEvent) => add('conversation-c1', event);

  ledger({ type: 'ConversationStarted', data: { title: null, system: null, purpose: 'chat' } });
  turns.forEach((turn, nth) => {
    ledger(sent(`m${nth}`));
    ledger(requested(`g${nth}`, `m${nth}`));
    ledger(assembled(`g${nth}`, `m${nth}`));
    const tape = (event: DomainEvent) => add(`generation-g${nth}`, event);
    tape({ type: 'GenerationClaimed', data: { attempt: 1, worker: 'w', provider: 'demo', model: 'demo' } });
    if (turn.cancelsQueued) {
      ledger(requested(`q${nth}`, `m${nth}`));
      ledger(finalized(`q${nth}`, 'cancelled', ''));
    }
    for (let seq = 0; seq < turn.deltas; seq++) {
      tape({ type: 'DeltaReceived', data: { attempt: 1, seq, block: 0, text: `${seq} `, channel: 'content' } });
    }
    if (!turn.ends) return;
    tape({
      type: 'AttemptEnded',
      data: {
        attempt: 1,
        outcome: 'completed',
        finishReason: 'stop',
        modelServed: null,
        usage: null,
        usageRaw: null,
        response: {},
        droppedDeltas: 0,
      },
    });
    const text = Array.from({ length: turn.deltas }, (_, seq) => `${seq} `).join('');
    ledger(finalized(`g${nth}`, 'final', text));
  });
  return events;
}

function sent(messageId: string): DomainEvent {
  const parts = [{ type: 'text' as const, text: 'hello' }];
  return {
    type: 'MessageSent',
    data: { messageId, parent: null, role: 'user', origin: 'person', kind: 'message', parts },
  };
}

function requested(generationId: string, messageId: string): DomainEvent {
  return { type: 'GenerationRequested', data: { generationId, messageId, options: {} } };
}

function assembled(generationId: string, messageId: string): DomainEvent {
  return {
    type: 'PromptAssembled',
    data: {
      generationId,
      messageId,
      provider: 'demo',
      model: 'demo',
      params: {},
      parts: [{ kind: 'literal', text: '{}' }],
      sha256: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      bytes: 2,
      tokens: { prompt: 1, budget: 10, reserved: 1, limit: 11, estimated: true, encoding: 'o200k_base' },
      trimmed: [],
      assembler: 1,
      format: 'openai-chat@1',
      request: { path: '/chat/completions' },
      attempt: 1,
    },
  };
}

function finalized(generationId: string, status: 'final' | 'cancelled', text: string): DomainEvent {
  return {
    type: 'GenerationFinalized',
    data: {
      generationId,
      status,
      finishReason: status === 'final' ? 'stop' : null,
      blocks: answerBlocks(text),
      textSha256: '',
      deltas: 0,
      attempt: status === 'final' ? 1 : null,
      attempts: status === 'final' ? 1 : 0,
      modelServed: null,
      usage: null,
      cost: null,
      timings: { queuedAt: '2026-01-01T00:00:00.000Z', claimedAt: null, firstTextAt: null, lastTextAt: null },
    },
  };
}
