import { hashIn } from '../formats/record-1/hashes.js';
import { RecordWrong } from './tree-replay.js';

/** The last census of a record, with the stored texts of its event, whose hash the entry has. */
export interface PublishedCensus {
  readonly size: number;
  readonly count: number;
  readonly root: string;
  readonly index: number;
  readonly data: string;
  readonly meta: string;
}

/** The key that signs the notes, and those that did before, each with the last note that it signed. */
export interface PublishedKeys {
  readonly vkey: string;
  readonly earlier: readonly { readonly vkey: string; readonly note: string }[];
}

type Form = Readonly<Record<string, (value: unknown) => boolean>>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): boolean => hashIn(value) !== undefined;

const CENSUS: Form = { size: isCount, count: isCount, root: isHash, index: isCount, data: isText, meta: isText };
const EARLIER: Form = { vkey: isText, note: isText };
const KEYS: Form = {
  vkey: isText,
  earlier: (value) => Array.isArray(value) && value.every((each) => wrongIn(each, EARLIER) === undefined),
};

/** Undefined if none is published. Throws RecordWrong for anything but a census. */
export const censusIn = (answer: unknown): PublishedCensus | undefined =>
  answer === undefined ? undefined : published<PublishedCensus>('census', answer, CENSUS);

export const keysIn = (answer: unknown): PublishedKeys => published<PublishedKeys>('list of keys', answer, KEYS);

/** The leaves of a tape. */
export function leavesIn(stream: string, answer: unknown): readonly string[] | undefined {
  if (answer === undefined) return undefined;
  if (Array.isArray(answer) && answer.every(isText)) return answer;
  throw new RecordWrong(`the published tape ${stream} is malformed`);
}

function published<T>(what: string, answer: unknown, form: Form): T {
  const wrong = wrongIn(answer, form);
  if (wrong !== undefined) throw new RecordWrong(`the published ${what} is malformed: ${wrong}`);
  return answer as T;
}

/** Further members are allowed: a later version may add some. */
function wrongIn(value: unknown, form: Form): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no object';
  const wrong = Object.entries(form).find(([name, isValid]) => !isValid((value as Record<string, unknown>)[name]));
  return wrong && `its member ${wrong[0]} is missing or wrong`;
}
