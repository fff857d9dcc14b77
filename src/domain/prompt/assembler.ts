import type { ConversationEvent } from '../../events/conversation-events.js';
import type { BodyFormat, TextSource } from '../../formats/body-format.js';
import { openAiChat1 } from '../../formats/openai-chat-1.js';

/** A node of the path from the root to a message. Notes are on no path. */
export interface PathEntry {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** The status of a reply. Absent for a message. */
  readonly status?: Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data']['status'];
  /** No prompt of this release can contain it. */
  readonly isNewer?: true;
}

/**
 * The part of an array's interface with which a prompt reads a path, oldest first. The path of a long conversation is walked
 * from its end, only as far as it is read.
 */
export type Path = Pick<readonly PathEntry[], 'length' | 'at' | 'slice'>;

/** The texts in events to which a prompt refers. */
export interface PromptTexts {
  text(source: TextSource): string;
  /** Every node of the path from one to another inclusive, oldest first, also those that were left out. */
  path(from: string, to: string): readonly PathEntry[];
}

/** Every format that ever recorded a prompt. None is ever removed. */
const formats: ReadonlyMap<string, BodyFormat> = new Map([openAiChat1].map((format) => [format.name, format]));

function formatOf(name: string): BodyFormat {
  const format = formats.get(name);
  if (!format) throw new Error(`the format ${name} is not known here: a later version recorded this prompt`);
  return format;
}

export type PromptAssembledData = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data'];

/** The version of the rules by which nodes of the path enter a prompt. They depend on no provider. */
interface Assembler {
  /** The reason why a node does not enter the prompt. Undefined if it enters. */
  whyLeftOut(entry: PathEntry): 'error' | 'empty' | undefined;
}

/** All versions that ever recorded a prompt. They never change. */
const versions: ReadonlyMap<number, Assembler> = new Map([
  [
    1,
    {
      // A cancelled reply with text enters, because the user has seen it. A message always enters.
      whyLeftOut({ status, text }) {
        if (status === 'error') return 'error';
        return status !== undefined && text === '' ? 'empty' : undefined;
      },
    },
  ],
]);

/** The version that assembles new prompts. */
export const ASSEMBLER = 1;

/** The format of new prompts. Every provider accepts it. */
export const FORMAT = openAiChat1;

export function assemblerOf(version: number): Assembler {
  const assembler = versions.get(version);
  if (!assembler) throw new Error(`assembler ${version} is not known here: a later version recorded this prompt`);
  return assembler;
}

/** The fields of a prompt from which its body is rendered. */
export type RecordedBody = Pick<PromptAssembledData, 'assembler' | 'format' | 'parts'>;

/** Renders the exact body again from the record and the texts in events. */
export function renderPrompt({ assembler, format, parts }: RecordedBody, texts: PromptTexts): string {
  const { whyLeftOut } = assemblerOf(assembler);
  return formatOf(format).render(parts, {
    text: (source) => texts.text(source),
    messages: (from, to) => texts.path(from, to).filter((entry) => whyLeftOut(entry) === undefined),
  });
}

type LeftOut = PromptAssembledData['trimmed'][number];

/** The reason for nodes that did not fit. The assembler defines the other reasons. */
const BUDGET = 'budget';

/**
 * The nodes that a prompt leaves out if it keeps the path from `start` on: one record for each reason, however long the
 * history. A record for `budget` means all nodes in its range, another record only those to which its reason applies.
 */
export function recordLeftOut(path: Path, start: number): LeftOut[] {
  const { whyLeftOut } = assemblerOf(ASSEMBLER);
  const kept = path.slice(start);
  const unfit = (reason: string) => kept.filter((entry) => whyLeftOut(entry) === reason);
  const before = start > 0 ? span(path.at(0), path.at(start - 1), start, BUDGET) : [];
  const among = ['error', 'empty'].flatMap((reason) => {
    const entries = unfit(reason);
    return span(entries[0], entries.at(-1), entries.length, reason);
  });
  return [...before, ...among];
}

function span(first: PathEntry | undefined, last: PathEntry | undefined, count: number, reason: string): LeftOut[] {
  return first && last ? [{ from: first.id, to: last.id, count, reason }] : [];
}

export interface LeftOutNode {
  readonly id: string;
  readonly reason: string;
}

/**
 * The nodes that a recorded prompt left out, with reasons, oldest first. `path` has the ids of the path of the prompt. Of the
 * nodes that did not fit, only the ids are read, because they may be many.
 */
export function leftOutNodes(
  { assembler, trimmed }: Pick<PromptAssembledData, 'assembler' | 'trimmed'>,
  path: readonly string[],
  entryOf: (id: string) => PathEntry,
): LeftOutNode[] {
  const { whyLeftOut } = assemblerOf(assembler);
  const places = new Map(path.map((id, place) => [id, place]));
  const placeOf = (id: string) => places.get(id) ?? Number.NaN;
  const spans = trimmed.map(({ from, to, reason }) => ({ first: placeOf(from), last: placeOf(to), reason }));
  return path.flatMap((id, place) => {
    const covering = spans.find(
      ({ first, last, reason }) =>
        first <= place && place <= last && (reason === BUDGET || reason === whyLeftOut(entryOf(id))),
    );
    return covering ? [{ id, reason: covering.reason }] : [];
  });
}
