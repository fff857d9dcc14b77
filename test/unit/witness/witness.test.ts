import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WitnessFiles } from '../../../src/adapters/data-directory/witness-files.js';
import { Cosigner, cosignedAt } from '../../../src/formats/record-1/cosignature.js';
import { rootOf } from '../../../src/formats/record-1/frontier.js';
import { base64, type Hash, leafHash, sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner, openNote } from '../../../src/formats/record-1/note.js';
import { consistencyRanges } from '../../../src/formats/record-1/proofs.js';
import { recordLimits } from '../../../src/record-limits.js';
import { Trust } from '../../../src/witness/trust.js';
import { type RefusedNote, Witness } from '../../../src/witness/witness.js';
import { witnessServer } from '../../../src/witness/witness-server.js';

const LOG = 'verbatim/5b0c2f6e';
const ORIGIN = `${LOG}.first/acme`;
const NOW = Date.parse('2026-02-03T04:05:06.789Z');
const signer = new NoteSigner(sha256('the key of the log'));
const cosigner = new Cosigner('witness.example/w1', sha256('the key of the witness'));
const trusted = [`${LOG}.=${signer.verifierKey(ORIGIN)}`];

const history = (name: string, size: number): Hash[] =>
  Array.from({ length: size }, (_, nth) => leafHash(`${nth < 3 ? '' : name} ${nth}`));
const noteOf = (leaves: readonly Hash[], origin = ORIGIN, by = signer) =>
  by.sign(origin, { size: leaves.length, root: rootOf(leaves) });
const proofOf = (leaves: readonly Hash[], from: number) =>
  from < 1 ? [] : consistencyRanges(from, leaves.length).map((range) => rootOf(leaves.slice(range.from, range.to)));
const bodyOf = (leaves: readonly Hash[], old: number, note = noteOf(leaves)) =>
  `old ${old}\n${proofOf(leaves, old)
    .map((hash) => `${base64(hash)}\n`)
    .join('')}\n${note}`;

let folder: string;
let server: Server;
let url: string;
let evidence: RefusedNote[];
let unproved: RefusedNote[];
let elapsed: number;
let errors: unknown[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'));
  [evidence, unproved, errors, elapsed] = [[], [], [], 0];
  await start();
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true });
  expect(errors).toEqual([]);
});

async function start(trust = trusted): Promise<void> {
  const witness = new Witness({
    ...{ trust: Trust.in(trust) as Trust, states: new WitnessFiles(folder), cosigner },
    clock: { now: () => NOW, monotonic: () => elapsed },
    onFork: (each) => void evidence.push(each),
    onUnproved: (each) => void unproved.push(each),
  });
  server = witnessServer(witness, (error) => void errors.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/add-checkpoint`;
}

async function stop(): Promise<void> {
  server.closeAllConnections();
  server.close();
  if (server.listening) await once(server, 'close');
}

async function restart(trust = trusted): Promise<void> {
  await stop();
  await start(trust);
}

async function add(body: string) {
  const response = await fetch(url, { method: 'POST', body });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** The time of the cosignature that the witness adds to the note. */
const cosigned = async (leaves: readonly Hash[], old: number, note = noteOf(leaves)) => {
  const { status, text } = await add(bodyOf(leaves, old, note));
  return status === 200 ? cosignedAt(note + text, cosigner.verifierKey) : `${status} ${text.trim()}`;
};

describe('a witness', () => {
  it('cosigns a tree of a trusted log, and each tree that continues it, with the time in seconds', async () => {
    expect(await cosigned(history('a', 3), 0)).toBe(Math.floor(NOW / 1_000));
    expect(await cosigned(history('a', 7), 3)).toBe(Math.floor(NOW / 1_000));
    expect(await cosigned(history('a', 7), 7)).toBe(Math.floor(NOW / 1_000));
    expect(await cosigned(history('a', 8), 7)).toBe(Math.floor(NOW / 1_000));
    const answer = await add(bodyOf(history('a', 9), 8));
    expect(answer.text).toMatch(/^— witness\.example\/w1 [A-Za-z0-9+/]+=*\n$/);
    expect(evidence).toEqual([]);
  });

  it('keeps what it cosigned over a restart, and the cosignatures of each origin apart', async () => {
    await cosigned(history('a', 5), 0);
    await restart();
    expect(await add(bodyOf(history('a', 7), 0))).toEqual({ status: 409, type: 'text/x.tlog.size', text: '5\n' });
    const other = `${LOG}.first/other`;
    expect(await cosigned(history('b', 4), 0, noteOf(history('b', 4), other))).toBe(Math.floor(NOW / 1_000));
    expect(await cosigned(history('a', 7), 5)).toBe(Math.floor(NOW / 1_000));
  });

  it('refuses a fork of the same size, of a larger size, and a rollback, and reports two trees of one size', async () => {
    await cosigned(history('a', 5), 0);
    expect(await add(bodyOf(history('b', 5), 5))).toMatchObject({ status: 409, text: '5\n' });
    expect(await add(bodyOf(history('b', 8), 5))).toMatchObject({ status: 422 });
    const forged = bodyOf(history('a', 8), 5, noteOf(history('b', 8)));
    expect(await add(forged)).toMatchObject({ status: 422 });
    const [kept, other] = [noteOf(history('a', 5)), noteOf(history('b', 5))];
    expect(evidence).toEqual([{ origin: ORIGIN, cosigned: kept, refused: other }]);
    expect(await add(bodyOf(history('a', 4), 4))).toMatchObject({ status: 409, text: '5\n' });
    expect(await add(bodyOf(history('a', 4), 0))).toMatchObject({ status: 409, text: '5\n' });
    expect(await add(bodyOf(history('a', 5), 5, noteOf(history('a', 4))))).toMatchObject({ status: 400 });
    expect(await cosigned(history('a', 8), 5)).toBe(Math.floor(NOW / 1_000));
  });

  it('accuses no log when a client sends a genuine newer note with a wrong proof, and reports it once in ten minutes', async () => {
    await cosigned(history('a', 5), 0);
    const newer = noteOf(history('a', 8));
    const junk = `old 5\n${base64(sha256('junk'))}\n\n${newer}`;
    for (let nth = 0; nth < 5; nth++) expect(await add(junk)).toMatchObject({ status: 422 });
    expect(evidence).toEqual([]);
    expect(unproved).toEqual([{ origin: ORIGIN, cosigned: noteOf(history('a', 5)), refused: newer }]);
    elapsed += recordLimits.witnessReportEveryMs;
    await add(junk);
    expect([unproved.length, evidence.length]).toEqual([2, 0]);
    expect(await cosigned(history('a', 8), 5)).toBe(Math.floor(NOW / 1_000));
  });

  it('reports two trees of one size also if the client names another size, and each root once in ten minutes', async () => {
    await cosigned(history('a', 5), 0);
    for (const [old, status] of [
      [0, 409],
      [3, 409],
      [5, 409],
      [9, 400],
    ] as const) {
      const root = `b${old}`;
      const body = `old ${old}\n\n${noteOf(history(root, 5))}`;
      for (let nth = 0; nth < 3; nth++) expect(await add(body)).toMatchObject({ status });
      // A client can add lines of other keys to a note.
      expect(await add(`${body}— other.example AAAAAAAAAAAA\n`)).toMatchObject({ status });
      expect(evidence.splice(0)).toEqual([
        { origin: ORIGIN, cosigned: noteOf(history('a', 5)), refused: noteOf(history(root, 5)) },
      ]);
    }
    expect(unproved).toEqual([]);
  });

  it('never cosigns two histories that are sent at the same time', async () => {
    for (let nth = 0; nth < 20; nth++) {
      const origin = `${LOG}.first/t${nth}`;
      const sent = ['a', 'b', 'c', 'd'].map((name) => {
        const leaves = history(name, 5 + (nth % 3));
        return cosigned(leaves, 0, noteOf(leaves, origin));
      });
      const answers = await Promise.all(sent);
      expect(answers.filter((answer) => typeof answer === 'number')).toHaveLength(1);
    }
  });

  it('answers 404 to another origin, 403 to another key, and 400 to what is no request', async () => {
    const leaves = history('a', 3);
    const stranger = new NoteSigner(sha256('another key'));
    for (const origin of ['verbatim/other.first/acme', 'example.com/log', `${LOG}-other/acme`]) {
      expect(await add(bodyOf(leaves, 0, noteOf(leaves, origin)))).toMatchObject({ status: 404 });
    }
    expect(await add(bodyOf(leaves, 0, noteOf(leaves, ORIGIN, stranger)))).toMatchObject({ status: 403 });
    expect(await add(bodyOf(leaves, 0, noteOf(leaves).replace('\n3\n', '\n4\n')))).toMatchObject({ status: 403 });
    const body = bodyOf(leaves, 0);
    const many = `old 0\n${`${base64(sha256('x'))}\n`.repeat(64)}\n${noteOf(leaves)}`;
    for (const wrong of ['', 'old 0\n', body.replace('old 0', 'old 00'), body.replace('old 0', 'old -1'), many]) {
      expect(await add(wrong)).toMatchObject({ status: 400 });
    }
    for (const wrong of [body.replace('old 0\n', 'old 0\nAA==\n'), body.slice(1), body.replace('old 0', 'OLD 0')]) {
      expect(await add(wrong)).toMatchObject({ status: 400 });
    }
    expect(await add(body.replace('old 0\n', `old 0\n${base64(sha256('x'))}\n`))).toMatchObject({ status: 422 });
    expect(await readdir(folder)).toEqual([]);
  });

  it('cosigns the empty tree, and only with its root', async () => {
    expect(await cosigned([], 0)).toBe(Math.floor(NOW / 1_000));
    const other = signer.sign(`${LOG}.first/other`, { size: 0, root: sha256('x') });
    expect(await add(`old 0\n\n${other}`)).toMatchObject({ status: 422 });
    expect(await cosigned(history('a', 3), 0)).toBe(Math.floor(NOW / 1_000));
  });

  it('accepts the old and the new key of a log, and needs the old one while it holds a note of it', async () => {
    await cosigned(history('a', 3), 0);
    const next = new NoteSigner(sha256('the next key'));
    const nextTrust = `${LOG}.=${next.verifierKey(ORIGIN)}`;
    await restart([...trusted, nextTrust]);
    expect(await cosigned(history('a', 4), 3, noteOf(history('a', 4), ORIGIN, next))).toBe(Math.floor(NOW / 1_000));
    await restart([nextTrust]);
    expect(await cosigned(history('a', 5), 4, noteOf(history('a', 5), ORIGIN, next))).toBe(Math.floor(NOW / 1_000));
    await restart(trusted);
    expect(await add(bodyOf(history('a', 6), 5))).toMatchObject({ status: 500 });
    expect(errors.splice(0).map(String)).toEqual([expect.stringContaining('keep the old key beside the new one')]);
  });

  it('takes only POST at its path, and bodies up to a bound', async () => {
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(`${url}/x`, { method: 'POST' })).status).toBe(404);
    expect(await add('x'.repeat(recordLimits.witnessBodyBytesMax + 1))).toMatchObject({ status: 413 });
    expect(await add('x'.repeat(recordLimits.witnessBodyBytesMax))).toMatchObject({ status: 400 });
  });

  it('goes on after a client that has left in the middle of its request', async () => {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nold');
    await once(server, 'request');
    socket.destroy();
    await once(socket, 'close');
    expect(await cosigned(history('a', 3), 0)).toBe(Math.floor(NOW / 1_000));
  });
});

describe('the trust of a witness', () => {
  it('needs a prefix and a key of the type that signs', () => {
    const key = signer.verifierKey(ORIGIN);
    for (const text of ['', key, `=${key}`, `${LOG}=`, `${LOG}=${key}x`, `${LOG}=${cosigner.verifierKey}`]) {
      expect([text, Trust.in([text])]).toEqual([text, undefined]);
    }
    const trust = Trust.in([`${LOG}.=${key}`, `verbatim/=${key}`]) as Trust;
    expect(trust.keysOf(ORIGIN)).toEqual([key, key]);
    expect(trust.keysOf('verbatim/x')).toHaveLength(1);
    for (const origin of ['', 'example', `${LOG}.a b`, `${LOG}.a+b`]) expect(trust.keysOf(origin)).toEqual([]);
  });
});

describe('the files of a witness', () => {
  it('let one of several processes keep the next note, also one that has read an old state', async () => {
    const states = Array.from({ length: 5 }, () => new WitnessFiles(folder));
    const [first] = states as [WitnessFiles];
    let [before, after] = [await first.last(ORIGIN), await first.last(ORIGIN)];
    for (let nth = 1; nth <= 30; nth++) {
      const kept = await Promise.all(states.map((each, by) => each.follow(ORIGIN, after, `${nth} of ${by}`)));
      expect(kept.filter((isKept) => isKept)).toHaveLength(1);
      const stale = before;
      [before, after] = [after, await first.last(ORIGIN)];
      expect(after).toEqual({ number: nth, note: `${nth} of ${kept.indexOf(true)}` });
      // The file of the number before this one is deleted by now, so its name is free.
      if (nth > 1) expect(await first.follow(ORIGIN, stale, 'late')).toBe(false);
      expect(await first.last(ORIGIN)).toEqual(after);
    }
    const [name = ''] = await readdir(folder);
    expect(await readdir(join(folder, name))).toEqual(['30']);
  });

  it('hold the last note after a crash before or after any step', async () => {
    const files = new WitnessFiles(folder);
    await files.follow(ORIGIN, undefined, 'one');
    const [name = ''] = await readdir(folder);
    // A draft was written; the next number was linked, and the one before was not deleted yet.
    await writeFile(join(folder, name, '2.0f3c'), 'draft');
    expect(await files.last(ORIGIN)).toEqual({ number: 1, note: 'one' });
    await writeFile(join(folder, name, '2'), 'two');
    expect(await files.last(ORIGIN)).toEqual({ number: 2, note: 'two' });
    expect(await files.follow(ORIGIN, { number: 1, note: 'one' }, 'other')).toBe(false);
    expect(await files.follow(ORIGIN, { number: 2, note: 'two' }, 'three')).toBe(true);
    expect((await readdir(join(folder, name))).sort()).toEqual(['2.0f3c', '3']);
  });
});

describe('a cosignature', () => {
  const note = noteOf(history('a', 3));

  it('is valid for its text, its key and its time alone', () => {
    const line = cosigner.cosign(note.slice(0, note.indexOf('\n\n') + 1), 1_700_000_000);
    const both = note + line;
    expect(cosignedAt(both, cosigner.verifierKey)).toBe(1_700_000_000);
    expect(openNote(both, signer.verifierKey(ORIGIN))?.size).toBe(3);
    expect(cosignedAt(note, cosigner.verifierKey)).toBeUndefined();
    expect(cosignedAt(both, new Cosigner('witness.example/w1', sha256('x')).verifierKey)).toBeUndefined();
    expect(cosignedAt(both, signer.verifierKey(ORIGIN))).toBeUndefined();
    const bytes = Buffer.from(both);
    const accepted = Array.from(bytes, (byte, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = byte ^ 1;
      return cosignedAt(changed.toString(), cosigner.verifierKey) === undefined ? [] : [at];
    }).flat();
    // Only the line of the log's own signature may differ: the witness does not sign it.
    const own = [both.indexOf('\n\n') + 2, both.indexOf(line)] as const;
    const offset = Buffer.byteLength(both.slice(0, own[0]));
    const end = Buffer.byteLength(both.slice(0, own[1]));
    expect(accepted.every((at) => at >= offset && at < end)).toBe(true);
  });
});
