import type { RecordedEvent } from '../../events/envelope.js';
import { canonicalJson, NotCanonical } from './canonical-json.js';
import { base64, hashIn, sha256 } from './hashes.js';

/**
 * What the record commits to of an event. Of a protected event: its stored JSON, with each protected value reduced to its
 * commitment, so that the commitment stays valid after the key is destroyed. Else: the hash of its stored texts.
 */
export type Content = { readonly data: unknown; readonly meta: unknown } | { readonly raw: string };

export interface ReadContent {
  readonly content: Content;
  /** The metadata, or an empty object if it cannot be parsed. */
  readonly meta: Readonly<Record<string, unknown>>;
  readonly isProtected: boolean;
}

export function contentOf(event: Pick<RecordedEvent, 'data' | 'meta'>): ReadContent {
  const meta = parsedObject(event.meta);
  const isProtected = meta.p === 1;
  return { content: (isProtected ? reducedContent(event) : undefined) ?? rawOf(event), meta, isProtected };
}

export const bodyOf = (content: Content): string =>
  'raw' in content ? `{"raw":"${content.raw}"}` : canonicalJson(content);

const rawOf = ({ data, meta }: Pick<RecordedEvent, 'data' | 'meta'>): Content => ({
  raw: base64(sha256(`${data}\0${meta}`)),
});

/** Undefined if the stored texts have no canonical form, or if a reduced value could be confused with a clear one. */
function reducedContent(event: Pick<RecordedEvent, 'data' | 'meta'>): Content | undefined {
  try {
    const content = { data: reduced(JSON.parse(event.data)), meta: reduced(JSON.parse(event.meta)) };
    // Reduced here, because only its canonical form shows whether there is one.
    canonicalJson(content);
    return content;
  } catch (error) {
    if (error instanceof NotCanonical || error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A protected value `{"$p":1,"c":…,"x":…}` becomes `{"$c":c}`. No other member may begin with `$`. */
function reduced(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reduced);
  const members = Object.entries(value);
  const commitment = commitmentOf(value as Record<string, unknown>, members.length);
  if (commitment !== undefined) return { $c: commitment };
  if (members.some(([key]) => key.startsWith('$'))) throw new NotCanonical('a member begins with $');
  return Object.fromEntries(members.map(([key, member]) => [key, reduced(member)]));
}

function commitmentOf({ $p, c, x }: Record<string, unknown>, members: number): string | undefined {
  const isProtected = members === 3 && $p === 1 && typeof x === 'string' && hashIn(c) !== undefined;
  return isProtected ? (c as string) : undefined;
}

function parsedObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    // Damaged metadata is recorded too: by its hash, in the chain of its stream.
    return {};
  }
}
