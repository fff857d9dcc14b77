import { createCipheriv, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalText, NotCanonical } from '../../../../src/formats/record-1/canonical-json.js';
import { base64, sha256 } from '../../../../src/formats/record-1/hashes.js';
import { padded, unpadded } from '../../../../src/formats/value-1/padding.js';
import {
  type HoldingEvent,
  type ProtectedValue,
  placeOf,
  pointerOf,
  protect,
  type RevealFailure,
  reveal,
  revealLine,
  UnreadableValue,
} from '../../../../src/formats/value-1/protected-value.js';
import { ValueKey } from '../../../../src/formats/value-1/value-key.js';

interface Example {
  readonly name: string;
  readonly event: HoldingEvent;
  readonly pointer: string;
  readonly json: string;
  readonly salt: string;
  readonly c: string;
  readonly x?: string;
  readonly xBytes?: number;
  readonly xTextSha256?: string;
}

const file = join(import.meta.dirname, '..', '..', '..', 'golden', 'record', 'protected-values.json');
const golden = JSON.parse(readFileSync(file, 'utf8'));
const examples: readonly Example[] = golden.values;

const bytes = Buffer.from(golden.key, 'base64');
const key = new ValueKey(bytes);
const otherKey = new ValueKey(sha256('another key'));
const event: HoldingEvent = {
  tenant: 'acme',
  stream: 'generation-b81d7a0c-52f4-4d3e-9c1f-20e7a5f6d411',
  id: '01994a7e-5c00-7000-8000-000000000003',
};
const place = placeOf(event, 'data/text');

/** Texts with halves of characters, and members of any name. */
const anyValue = fc.jsonValue({ stringUnit: fc.constantFrom('a', '"', '\0', 'ö', '\ud83d', '\ude02', '~', '/', '$') });

function failureOf(stored: unknown, at = place, by = key): RevealFailure | 'revealed' {
  try {
    reveal(by, at, stored);
    return 'revealed';
  } catch (error) {
    if (!(error instanceof UnreadableValue)) throw error;
    return error.reason;
  }
}

describe('a protected value', () => {
  it.each(examples)('has the bytes that another program computed: $name', (example) => {
    const at = placeOf(example.event, example.pointer);
    const stored = protect(key, at, JSON.parse(example.json));
    const x = example.x ?? { bytes: example.xBytes, textSha256: example.xTextSha256 };
    const own = example.x
      ? stored.x
      : { bytes: Buffer.from(stored.x, 'base64').length, textSha256: base64(sha256(stored.x)) };
    expect({ ...stored, x: own }).toEqual({ $p: 1, c: example.c, x });
    expect(reveal(key, at, stored)).toEqual(JSON.parse(JSON.stringify(JSON.parse(example.json))));
    const line = JSON.parse(revealLine(key, { event: example.event, revision: 4, pointer: example.pointer }, stored));
    expect(line).toMatchObject({ stream: example.event.stream, rev: 4, p: example.pointer, salt: example.salt });
  });

  it('is printed in the page of the format as it was computed', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'record-format.md'), 'utf8');
    const [{ salt, c, x }] = examples as [Example];
    const [{ u }] = golden.users;
    expect(page).toContain(`\n${salt}\n${JSON.stringify({ $p: 1, c, x })}\n`);
    expect(page).toContain(`\n${u}\n`);
  });

  it('has keys for its salt, its text and fingerprints that another program derived', () => {
    const digest = Buffer.from(golden.fingerprint.digest, 'base64');
    expect({
      salts: base64(key.salts),
      encryption: base64(key.encryption),
      fingerprint: base64(key.fingerprint(digest)),
    }).toEqual({ salts: golden.salts, encryption: golden.encryption, fingerprint: golden.fingerprint.hash });
  });

  it('is revealed as the value, and protected twice is the same bytes', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const stored = protect(key, place, value);
        expect(protect(key, place, structuredClone(value))).toEqual(stored);
        expect(canonicalText(reveal(key, place, JSON.parse(JSON.stringify(stored))))).toBe(canonicalText(value));
      }),
    );
  });

  it('hides the length of short texts', () => {
    const lengths = new Set(['', 'a', 'a'.repeat(29)].map((text) => protect(key, place, text).x.length));
    expect(lengths.size).toBe(1);
  });

  it('is refused after any one bit of its commitment or its ciphertext has changed', () => {
    for (const value of ['', 'Hello', { a: [1, 'b'.repeat(40)] }]) {
      const stored = protect(key, place, value);
      for (const member of ['c', 'x'] as const) {
        const flips = [...bitFlips(Buffer.from(stored[member], 'base64'))];
        const failures = flips.map((changed) => failureOf({ ...stored, [member]: base64(changed) }));
        // Twelve bytes of the commitment are the nonce. The others are compared with the commitment of the revealed value.
        const isAuthentic = (bit: number) => member === 'c' && bit >= 12 * 8;
        expect(failures).toEqual(flips.map((_, bit) => (isAuthentic(bit) ? 'not_committed' : 'not_authentic')));
      }
    }
  });

  it('is refused after any one bit of its place has changed', () => {
    const stored = protect(key, place, 'Hello');
    // As Latin-1, so that each changed byte stays one character of the place.
    for (const changed of bitFlips(Buffer.from(place, 'latin1'))) {
      expect(failureOf(stored, changed.toString('latin1'))).toBe('not_authentic');
    }
  });

  it.each<[string, HoldingEvent, string]>([
    ['event', { ...event, id: '01994a7e-5c00-7000-8000-000000000004' }, 'data/text'],
    ['stream', { ...event, stream: 'generation-b81d7a0c-52f4-4d3e-9c1f-20e7a5f6d412' }, 'data/text'],
    ['tenant', { ...event, tenant: 'acme2' }, 'data/text'],
    ['pointer', event, 'data/texts'],
    ['part', event, 'meta/text'],
  ])('is refused in another %s', (_, otherEvent, pointer) => {
    expect(failureOf(protect(key, place, 'Hello'), placeOf(otherEvent, pointer))).toBe('not_authentic');
  });

  it('is refused under another key', () => {
    expect(failureOf(protect(key, place, 'Hello'), place, otherKey)).toBe('not_authentic');
  });

  it('is refused with the ciphertext of another value at the same place', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (one, other) => {
        fc.pre(canonicalText(one) !== canonicalText(other));
        const stored = protect(key, place, one);
        expect(failureOf({ ...stored, x: protect(key, place, other).x })).toBe('not_authentic');
      }),
    );
  });

  const stored = protect(key, place, 'Hello');
  it.each<[string, unknown]>([
    ['no object', 'Hello'],
    ['null', null],
    ['a list', [1, stored.c, stored.x]],
    ['another version', { ...stored, $p: 2 }],
    ['a version that is a text', { ...stored, $p: '1' }],
    ['no ciphertext', { $p: 1, c: stored.c }],
    ['a reduced value', { $c: stored.c }],
    ['one member more', { ...stored, key: 'k1' }],
    ['a commitment of 31 bytes', { ...stored, c: base64(Buffer.alloc(31)) }],
    ['a commitment that is a number', { ...stored, c: 1 }],
    ['base64 without padding', { ...stored, c: stored.c.replace('=', '') }],
    ['base64 with a line feed', { ...stored, x: `${stored.x}\n` }],
    ['base64url', { ...stored, x: stored.x.replaceAll('+', '-').replaceAll('/', '_').replace(/^./, '_') }],
  ])('is malformed as %s', (_, malformed) => {
    expect(failureOf(malformed)).toBe('malformed');
  });

  it.each([0, 1, 15, 16, 47])('is refused with a ciphertext of its first %i bytes', (length) => {
    const x = base64(Buffer.from(stored.x, 'base64').subarray(0, length));
    expect(failureOf({ ...stored, x })).toBe('not_authentic');
  });

  it.each<[string, string | Buffer]>([
    ['members in another order', '{"b":1,"a":2}'],
    ['a member twice', '{"a":1,"a":1}'],
    ['a space', '"Hello" '],
    ['no JSON', 'Hello'],
    ['nothing', ''],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a value of 501 levels', '['.repeat(501) + ']'.repeat(501)],
  ])('is refused if an owner of the key encrypted %s', (_, text) => {
    const plain = Buffer.from(text);
    const fill = Buffer.alloc(31 - (plain.length % 32));
    expect(failureOf(forged(plain, Buffer.concat([plain, Buffer.from([0x80]), fill])))).toBe('not_committed');
  });

  it.each<[string, Buffer]>([
    ['another value', padded('"Hallo"')],
    ['padding without its mark', Buffer.concat([Buffer.from('"Hello"'), Buffer.alloc(25)])],
    ['a block of padding too many', Buffer.concat([padded('"Hello"'), Buffer.alloc(32)])],
    ['no padding', Buffer.from('"Hello"')],
  ])('is refused if an owner of the key committed to a text and encrypted %s', (_, plain) => {
    expect(failureOf(forged(Buffer.from('"Hello"'), plain))).toBe('not_committed');
  });

  it('names no text when it is refused', () => {
    expect(() => reveal(otherKey, place, stored)).toThrow('a protected value cannot be revealed: not_authentic');
  });

  it('is not made of what is not JSON', () => {
    for (const value of [undefined, Number.NaN, 1n, { a: undefined }]) {
      expect(() => protect(key, place, value)).toThrow(NotCanonical);
    }
  });

  it('is revealed in a line from which its commitment follows', () => {
    const value = { b: 'half \ud83d', a: 1 };
    const at = { event, revision: 7, pointer: 'data/text' };
    const line = revealLine(key, at, protect(key, place, value));
    expect(line).toBe(canonicalText(JSON.parse(line)));
    const { salt, value: shown } = JSON.parse(line);
    const text = Buffer.concat([
      Buffer.from('verbatim/commit/1\n'),
      Buffer.from(salt, 'base64'),
      Buffer.from(canonicalText(shown)),
    ]);
    expect(base64(sha256(text))).toBe(protect(key, place, value).c);
  });

  /** What an owner of the key can write: a right tag and the commitment of `text`, with a ciphertext of another text. */
  function forged(text: Buffer, plain: Buffer): ProtectedValue {
    const salt = createHmac('sha256', key.salts).update(place).digest();
    const commitment = sha256(Buffer.concat([Buffer.from('verbatim/commit/1\n'), salt, text]));
    const cipher = createCipheriv('aes-256-gcm', key.encryption, commitment.subarray(0, 12));
    cipher.setAAD(Buffer.from(place));
    const x = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return { $p: 1, c: base64(commitment), x: base64(x) };
  }
});

describe('the place of a value', () => {
  it('is named by the path that RFC 6901 writes', () => {
    expect(pointerOf('data', [])).toBe('data');
    expect(pointerOf('meta', ['via', 'id'])).toBe('meta/via/id');
    expect(pointerOf('data', ['parts', 0, 'a/b~c', ''])).toBe('data/parts/0/a~1b~0c/');
  });

  it('differs for each event and path', () => {
    const word = fc.string({ unit: fc.constantFrom('a', '/', '~', '\n') });
    const step = fc.record({ tenant: fc.constantFrom('a', 'b'), id: fc.constantFrom('1', '2'), path: fc.array(word) });
    const place = ({ tenant, id, path }: { tenant: string; id: string; path: string[] }) =>
      placeOf({ tenant, stream: 's', id }, pointerOf('data', path));
    fc.assert(
      fc.property(step, step, (one, other) => {
        expect(place(one) === place(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  it.each<[string, Partial<HoldingEvent>, string]>([
    ['a line feed in the tenant', { tenant: 'a\nb' }, 'data'],
    ['a line feed in the stream', { stream: 'a\nb' }, 'data'],
    ['a line feed in the id', { id: 'a\nb' }, 'data'],
    ['half a character in the path', {}, 'data/\ud83d'],
  ])('is refused with %s', (_, part, pointer) => {
    expect(() => placeOf({ ...event, ...part }, pointer)).toThrow(RangeError);
  });
});

describe('the padding of a text', () => {
  it('is removed without a trace, fills blocks of 32 bytes, and of 1,024 from 8 KiB on', () => {
    for (const length of [0, 1, 30, 31, 32, 33, 8_190, 8_191, 8_192, 8_193, 9_215, 9_216]) {
      const bytes = padded('a'.repeat(length));
      expect(unpadded(bytes)?.toString()).toBe('a'.repeat(length));
      expect(bytes.length % (length < 8_192 ? 32 : 1_024)).toBe(0);
      expect(bytes.length - length).toBeLessThanOrEqual(length < 8_192 ? 32 : 1_024);
    }
  });

  it('keeps trailing bytes of the text that look like padding', () => {
    for (const text of ['a\0', '\0\0', 'a\u0080\0']) expect(unpadded(padded(text))?.toString()).toBe(text);
  });

  it('is refused without its mark, as nothing, and with other bytes', () => {
    for (const bytes of [[], [0], [0x80], Array(32).fill(0), [...Array(31).fill(0x80), 1]]) {
      expect(unpadded(Buffer.from(bytes))).toBeUndefined();
    }
  });
});

function* bitFlips(bytes: Buffer): Generator<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    yield changed;
  }
}
