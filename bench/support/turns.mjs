import { createHash, randomUUID } from 'node:crypto';
import { encoded } from './events.mjs';

const ANSWER = 'The quick brown fox jumps over the lazy dog, and then some more words follow here. ';
const DELTAS = 5;
/** Of a turn: what is said and asked, the tape, and the end. */
export const EVENTS_OF_A_TURN = 3 + 1 + DELTAS + 1 + 1;

/** A conversation as the product appends it, turn by turn: the events of each append, and their stream. */
export class BenchConversation {
  id = randomUUID();
  turns = 0;
  leaf = null;

  constructor(owner = 'ada') {
    this.owner = owner;
  }

  started() {
    return this.ledger([
      { type: 'ConversationStarted', data: { title: `About ${this.id}`, system: 'Be brief.', purpose: 'chat' } },
    ]);
  }

  turn(at = new Date().toISOString()) {
    const [messageId, generationId] = [randomUUID(), randomUUID()];
    const parent = this.leaf;
    this.leaf = generationId;
    this.turns += 1;
    const tape = (events) => ({
      stream: `generation-${generationId}`,
      events: events.map((event) => this.encoded(event, at)),
    });
    const text = ANSWER.repeat(DELTAS);
    const question = `Question ${this.turns} of ${this.id}: ${ANSWER}`;
    return [
      this.ledger(
        [
          {
            type: 'MessageSent',
            data: {
              messageId,
              parent,
              role: 'user',
              origin: 'person',
              kind: 'message',
              parts: [{ type: 'text', text: question }],
            },
          },
          { type: 'GenerationRequested', data: { generationId, messageId, options: {} } },
          prompted(messageId, generationId, question),
        ],
        at,
      ),
      tape([
        { type: 'GenerationClaimed', data: { attempt: 1, worker: 'w', provider: 'demo', model: 'demo' } },
        ...Array.from({ length: DELTAS }, (_, seq) => ({
          type: 'DeltaReceived',
          data: { attempt: 1, seq, block: 0, text: ANSWER, channel: 'content' },
        })),
        {
          type: 'AttemptEnded',
          data: {
            attempt: 1,
            outcome: 'completed',
            finishReason: 'stop',
            modelServed: 'bench',
            usage: USAGE,
            usageRaw: null,
            response: {},
            droppedDeltas: 0,
          },
        },
      ]),
      this.ledger([finalized(generationId, text, at)], at),
    ];
  }

  ledger(events, at = new Date().toISOString()) {
    const commandId = randomUUID();
    return { stream: `conversation-${this.id}`, events: events.map((event) => this.encoded(event, at, commandId)) };
  }

  encoded(event, at, commandId = randomUUID()) {
    const meta = {
      conversation: this.id,
      owner: this.owner,
      actor: { id: this.owner, kind: 'user' },
      correlationId: this.id,
      commandId,
    };
    return encoded(event, { id: randomUUID(), tenant: 'default', at, meta });
  }
}

const USAGE = { input: 30, output: 20, total: 50 };

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const [OPENING, CLOSING] = [
  '{"model":"bench","messages":[',
  '],"stream":true,"stream_options":{"include_usage":true}}',
];
const ANSWER_SHA256 = sha256(ANSWER.repeat(DELTAS));

/** The question alone is in the prompt. Its hash is that of its bytes: a verifier makes them again. */
function prompted(messageId, generationId, question) {
  const body = `${OPENING}{"role":"user","content":${JSON.stringify(question)}}${CLOSING}`;
  return promptOf(messageId, generationId, sha256(body), Buffer.byteLength(body));
}

const promptOf = (messageId, generationId, hash, bytes) => ({
  type: 'PromptAssembled',
  data: {
    generationId,
    messageId,
    provider: 'openai',
    model: `model-${Number.parseInt(generationId.slice(0, 2), 16) % 5}`,
    params: { temperature: 0.5 },
    parts: [
      { kind: 'literal', text: OPENING },
      { kind: 'path', from: messageId, to: messageId },
      { kind: 'literal', text: CLOSING },
    ],
    sha256: hash,
    bytes,
    tokens: { prompt: 30, budget: 4000, reserved: 1000, limit: 5000, estimated: false, encoding: 'o200k_base' },
    trimmed: [],
    assembler: 1,
    format: 'openai-chat@1',
    request: { path: '/chat/completions' },
    attempt: 1,
  },
});

const finalized = (generationId, text, at) => ({
  type: 'GenerationFinalized',
  data: {
    generationId,
    status: 'final',
    finishReason: 'stop',
    blocks: [{ kind: 'text', text }],
    textSha256: ANSWER_SHA256,
    deltas: DELTAS,
    attempt: 1,
    attempts: 1,
    modelServed: 'bench',
    usage: USAGE,
    cost: { amount: '0.000123', currency: 'USD', priceList: 'bench' },
    timings: { queuedAt: at, claimedAt: at, firstTextAt: at, lastTextAt: at },
  },
});

/** Appends so many turns, a few conversations at a time. */
export async function fillWithTurns(log, { conversations, turnsOfEach, onProgress = () => {} }) {
  const AT_ONCE = 64;
  for (let from = 0; from < conversations; from += AT_ONCE) {
    const chats = Array.from(
      { length: Math.min(AT_ONCE, conversations - from) },
      (_, nth) => new BenchConversation(`user-${(from + nth) % 50}`),
    );
    await Promise.all(chats.map((chat) => fill(log, chat, turnsOfEach)));
    onProgress(from + chats.length);
  }
}

/** Answers the new revision of the stream. */
async function append(log, { stream, events }, expected) {
  const answer = await log.append(stream, expected, events);
  if (answer.outcome !== 'appended') throw new Error(answer.outcome);
  return answer.revision;
}

/** One long conversation, many turns in each append: its tapes come before the turns that they belong to. */
export async function fillAtOnce(log, chat, turns) {
  const AT_ONCE = 100;
  let revision = await append(log, chat.started(), 'none');
  for (let left = turns; left > 0; left -= AT_ONCE) {
    const asked = Array.from({ length: Math.min(AT_ONCE, left) }, () => chat.turn());
    await Promise.all(asked.map(([, tape]) => append(log, tape, 'none')));
    const events = asked.flatMap(([question, , end]) => [...question.events, ...end.events]);
    revision = await append(log, { stream: chat.started().stream, events }, revision);
  }
}

/** One conversation from its start, an append for each step of a turn, as the product does it. */
export async function fill(log, chat, turns) {
  let revision = await append(log, chat.started(), 'none');
  for (let nth = 0; nth < turns; nth++) {
    const [asked, tape, end] = chat.turn();
    revision = await append(log, asked, revision);
    await append(log, tape, 'none');
    revision = await append(log, end, revision);
  }
}
