import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../../../../src/formats/record-1/hashes.js';
import { NoteSigner, openNote, originOf } from '../../../../src/formats/record-1/note.js';

const signer = new NoteSigner(sha256('a seed'));
const origin = originOf('log', 'incarnation', 'acme');
const tree = { size: 12, root: sha256('a root') };
const key = signer.verifierKey(origin);
const note = signer.sign(origin, tree);

describe('a signed note', () => {
  it('has the key of the published example of signed notes', () => {
    // golang.org/x/mod/sumdb/note: the private key of the package's example, and its public one.
    const seed = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1);
    const published = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(new NoteSigner(seed).verifierKey('PeterNeumann')).toBe(published);
  });

  it('is the same for the same tree, and opens to it with its key', () => {
    expect(signer.sign(origin, tree)).toBe(note);
    expect(openNote(note, key)).toEqual(tree);
    expect(note.startsWith(`verbatim/log.incarnation/acme\n12\n${tree.root.toString('base64')}\n\n— ${origin} `)).toBe(
      true,
    );
  });

  it('opens beside lines of witnesses', () => {
    const witness = new NoteSigner(sha256('a witness')).sign('witness.example', tree).split('\n\n')[1];
    expect(openNote(note + witness, key)).toEqual(tree);
    expect(openNote(note.replace('\n\n', `\n\n${witness}`), key)).toEqual(tree);
  });

  it('does not open after any change of its text or its signature', () => {
    const bytes = Buffer.from(note);
    const opened = Array.from(bytes, (byte, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = byte ^ 1;
      return openNote(changed.toString(), key);
    });
    expect(opened.filter((each) => each !== undefined)).toEqual([]);
  });

  it('does not open with another key, for another origin, or with extension lines', () => {
    const other = new NoteSigner(sha256('another seed'));
    expect(openNote(note, other.verifierKey(origin))).toBeUndefined();
    expect(openNote(note, signer.verifierKey(originOf('log', 'incarnation', 'bcme')))).toBeUndefined();
    expect(openNote(note.replace('\n\n', '\nextension\n\n'), key)).toBeUndefined();
    expect(openNote(note.trimEnd(), key)).toBeUndefined();
    expect(openNote('', key)).toBeUndefined();
  });

  it.each(['', 'a+b', `${key}=`, key.replace('+', ' '), key.replace(/\+[0-9a-f]{8}/, '+00000000')])(
    'does not open with the key text %j',
    (text) => {
      expect(openNote(note, text)).toBeUndefined();
    },
  );

  it.each(['', 'a b', 'a+b', 'a\nb'])('cannot have the origin %j, which C2SP does not allow', (name) => {
    expect(() => signer.sign(name, tree)).toThrow(RangeError);
    expect(() => signer.verifierKey(name)).toThrow(RangeError);
  });

  it('needs a seed of 32 bytes', () => {
    expect(() => new NoteSigner(Buffer.alloc(31))).toThrow(RangeError);
  });
});

interface EdgeCase {
  readonly number: number;
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

describe('the verification of Ed25519', () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'vectors', 'ed25519-cctv.json');
  const cases: readonly EdgeCase[] = JSON.parse(readFileSync(file, 'utf8'));
  const hex = (text: string) => Buffer.from(text, 'hex');
  const accepts = ({ key: publicKey, sig, msg }: EdgeCase) =>
    verify(
      null,
      Buffer.from(msg),
      createPublicKey({
        key: Buffer.concat([hex('302a300506032b6570032100'), hex(publicKey)]),
        format: 'der',
        type: 'spki',
      }),
      hex(sig),
    );

  const has = (flags: EdgeCase['flags'], ...some: string[]) => some.some((flag) => flags?.includes(flag));

  it('is the one without the cofactor: it accepts no signature that only the cofactor excuses, or that is encoded twice', () => {
    expect(cases).toHaveLength(914);
    const accepted = cases.filter(accepts);
    expect(accepted.filter(({ flags }) => has(flags, 'low_order_residue', 'non_canonical_R'))).toEqual([]);
    // No honest signer has a key or a signature of low order. Node 20 accepts these, and Node 24 refuses them.
    const unusual = ['low_order_residue', 'non_canonical_R', 'reencoded_k', 'low_order_A', 'low_order_R'];
    const usual = cases.filter(({ flags }) => !has(flags, ...unusual));
    expect(usual).toHaveLength(43);
    expect(usual.filter((each) => !accepts(each))).toEqual([]);
  });
});
