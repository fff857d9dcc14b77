import { createHmac } from 'node:crypto';
import { canonicalText, NotCanonical } from '../record-1/canonical-json.js';
import { base64, type Hash, hashIn, sha256 } from '../record-1/hashes.js';
import { decrypted, encrypted, NONCE_BYTES } from './authenticated-cipher.js';
import { padded, unpadded } from './padding.js';
import type { ValueKey } from './value-key.js';

/** A protected value as the log stores it: `c` commits to the value, `x` is its ciphertext. The event names the key. */
export interface ProtectedValue {
  readonly $p: 1;
  readonly c: string;
  readonly x: string;
}

/** The event that holds a value. */
export interface HoldingEvent {
  readonly tenant: string;
  readonly stream: string;
  readonly id: string;
}

/**
 * Why a value cannot be revealed: it has not the stored form, its ciphertext was not made with this key at this place, or
 * the commitment is of another value.
 */
export type RevealFailure = 'malformed' | 'not_authentic' | 'not_committed';

/** A value that is not revealed. The message names no text. */
export class UnreadableValue extends Error {
  constructor(readonly reason: RevealFailure) {
    super(`a protected value cannot be revealed: ${reason}`);
  }
}

/** The path of a value in its event: `data` or `meta`, and the members and indexes as RFC 6901 writes them. */
export const pointerOf = (root: 'data' | 'meta', path: readonly (string | number)[]): string =>
  [root, ...path.map((step) => `${step}`.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');

/** The one place at which a value can be read. */
export function placeOf({ tenant, stream, id }: HoldingEvent, pointer: string): string {
  const place = `verbatim/value/1\n${tenant}\n${stream}\n${id}\n${pointer}`;
  // Only the pointer, as the last part, may hold a line feed; a half of a surrogate pair would be encoded as another character.
  if (`${tenant}${stream}${id}`.includes('\n') || !place.isWellFormed())
    throw new RangeError('not the place of a value');
  return place;
}

/**
 * The same value at the same place becomes the same bytes, so a retry appends what was appended. Throws NotCanonical for
 * what is not JSON.
 */
export function protect(key: ValueKey, place: string, value: unknown): ProtectedValue {
  const text = canonicalText(value);
  const context = Buffer.from(place);
  const commitment = commitmentOf(saltAt(key, context), text);
  return { $p: 1, c: base64(commitment), x: base64(encrypted(bindingOf(key, commitment, context), padded(text))) };
}

/** The value. Throws UnreadableValue for everything that `protect` did not make with this key at this place. */
export const reveal = (key: ValueKey, place: string, stored: unknown): unknown => opened(key, place, stored).value;

/** The line of an export that reveals a value: it has what a verifier needs to compute the commitment, and no key. */
export function revealLine(
  key: ValueKey,
  at: { readonly event: HoldingEvent; readonly revision: number; readonly pointer: string },
  stored: unknown,
): string {
  const { event, revision, pointer } = at;
  const { salt, value } = opened(key, placeOf(event, pointer), stored);
  return canonicalText({ stream: event.stream, rev: revision, p: pointer, salt: base64(salt), value });
}

function opened(key: ValueKey, place: string, stored: unknown): { salt: Hash; value: unknown } {
  const { commitment, ciphertext } = parsed(stored);
  const context = Buffer.from(place);
  const padding = decrypted(bindingOf(key, commitment, context), ciphertext);
  if (padding === undefined) throw new UnreadableValue('not_authentic');
  const salt = saltAt(key, context);
  const { value, text } = valueIn(unpadded(padding));
  // Computed from the value, as a verifier does, so it also refuses a text that is not the canonical one.
  if (!commitmentOf(salt, text).equals(commitment)) throw new UnreadableValue('not_committed');
  return { salt, value };
}

/** Base64 has several forms of some bytes. Only the one that `protect` writes is accepted. */
function parsed(stored: unknown): { commitment: Hash; ciphertext: Buffer } {
  if (typeof stored === 'object' && stored !== null && Object.keys(stored).length === 3) {
    const { $p, c, x } = stored as Record<string, unknown>;
    const commitment = hashIn(c);
    const ciphertext = typeof x === 'string' ? Buffer.from(x, 'base64') : undefined;
    if ($p === 1 && commitment && ciphertext && base64(ciphertext) === x) return { commitment, ciphertext };
  }
  throw new UnreadableValue('malformed');
}

function valueIn(bytes: Buffer | undefined): { value: unknown; text: string } {
  try {
    const value: unknown = JSON.parse(bytes?.toString() ?? '');
    return { value, text: canonicalText(value) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NotCanonical) throw new UnreadableValue('not_committed');
    throw error;
  }
}

const saltAt = (key: ValueKey, context: Buffer): Hash => createHmac('sha256', key.salts).update(context).digest();

const COMMIT = Buffer.from('verbatim/commit/1\n');

const commitmentOf = (salt: Hash, text: string): Hash => sha256(Buffer.concat([COMMIT, salt, Buffer.from(text)]));

/** A nonce of the commitment is of this value at this place, so no other value has it. */
const bindingOf = (key: ValueKey, commitment: Hash, context: Buffer) => ({
  key: key.encryption,
  nonce: commitment.subarray(0, NONCE_BYTES),
  context,
});
