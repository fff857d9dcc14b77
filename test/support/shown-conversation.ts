import type { ConversationView } from '../../src/domain/conversation/view.js';
import type { SseEvent } from './sse-client.js';

/** What a person looks at: the title, and each node with its text and how far it is. */
export interface Shown {
  readonly title: string | null;
  readonly nodes: Readonly<Record<string, string>>;
}

export const shownIn = ({ title, tree }: ConversationView): Shown => ({
  title,
  nodes: Object.fromEntries(tree.map(({ id, text, status }) => [id, `${status} ${text}`])),
});

const NOTHING: Shown = { title: null, nodes: {} };

/** The same, from nothing but what a client was told since the beginning, or since what it began with. */
export function shownBy(events: readonly SseEvent[], start = NOTHING): Shown {
  let { title } = start;
  const nodes = Object.fromEntries(Object.entries(start.nodes).map(([id, shown]) => [id, taken(shown)]));
  for (const { event, data } of events) {
    if (event === 'conversation-started' || event === 'conversation-renamed') title = data.title ?? null;
    if (event === 'message-sent') nodes[data.messageId] = { status: 'final', text: data.text };
    if (event === 'generation-requested') nodes[data.generationId] = { status: 'queued', text: '' };
    const reply = nodes[data.generationId];
    if (!reply) continue;
    if (event === 'generation-claimed') reply.status = 'streaming';
    if (event === 'delta' && data.channel === 'content') reply.text += data.text;
    if (event === 'generation-finalized') nodes[data.generationId] = { status: data.status, text: data.text };
  }
  const entries = Object.entries(nodes).map(([id, { status, text }]) => [id, `${status} ${text}`]);
  return { title, nodes: Object.fromEntries(entries) };
}

function taken(shown: string): { status: string; text: string } {
  const [, status = '', text = ''] = /^(\S+) (.*)$/s.exec(shown) ?? [];
  return { status, text };
}

/** Each event by what it says: its cursor may differ where two streams may be told in another order. */
export const saidBy = (events: readonly SseEvent[]): string[] =>
  events.map(({ event, data }) => `${event} ${JSON.stringify(data)}`).sort();
