import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { nodeCrypto } from '../../src/cli/node-crypto.js';
import type { NewEvent } from '../../src/events/envelope.js';
import type { BagScope } from '../../src/exports/bag/bag.js';
import { storedZip, type ZippedFile } from '../../src/exports/bag/stored-zip.js';
import { type ExportParts, exportedBag } from '../../src/exports/bag-export.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner, originOf } from '../../src/formats/record-1/note.js';
import { placeOf, pointerOf, protect } from '../../src/formats/value-1/protected-value.js';
import { ValueKey } from '../../src/formats/value-1/value-key.js';
import type { FoundKey } from '../../src/ports/value-keys.js';
import { openBag } from '../../src/verifier/bag-zip.js';
import type { ByteSource } from '../../src/verifier/bytes.js';
import { type BagQuestion, type BagVerdict, verifyBag } from '../../src/verifier/verify-bag.js';
import { ChatLog } from './chat-log.js';
import { MemoryEventLog } from './memory/memory-event-log.js';
import { NotaryGround } from './notary-ground.js';

export const CUSTODY = { at: '2026-02-03T04:05:06.789Z', by: 'carla', reason: 'Case 17' };

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export const verified = (bag: Uint8Array, rest: Partial<BagQuestion> = {}): Promise<BagVerdict> =>
  verifyBag({ bag: new MemoryBytes(bag), ...rest }, nodeCrypto);

/** Bytes in memory, read as a Blob is. A Blob of Node takes several times as long, and the tests read some thousands. */
export class MemoryBytes implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  slice(from = 0, to = this.size): MemoryBytes {
    return new MemoryBytes(this.bytes.subarray(from, Math.max(from, to)));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(this.bytes).buffer;
  }

  async text(): Promise<string> {
    return Buffer.from(this.bytes).toString('utf8');
  }
}

/** The places and reasons of all mistakes, in order. */
export const mistakesIn = ({ mistakes }: BagVerdict): string[] => mistakes.map(({ place, why }) => `${place}: ${why}`);

/** A log with the record of it, and bags of both. */
export class BagGround {
  readonly log: MemoryEventLog;
  readonly notaries: NotaryGround;

  constructor(log = new MemoryEventLog()) {
    this.log = log;
    this.notaries = new NotaryGround(log);
  }

  get parts(): ExportParts {
    const known = this.log instanceof ProtectingLog ? this.log.keys : new Map<string, FoundKey>();
    return { log: this.log, record: this.notaries.record, keys: { find: () => known } };
  }

  chat(id: string = randomUUID(), owner = 'ada'): ChatLog {
    return new ChatLog(this.log, id, { tenant: 'default', owner });
  }

  /** Records and signs everything that is appended. */
  async record(): Promise<this> {
    const notary = this.notaries.start();
    await this.notaries.signed();
    await notary.stop();
    return this;
  }

  async key(): Promise<string> {
    return new NoteSigner(sha256('the key')).verifierKey(originOf(await this.log.identity(), 'first', 'default'));
  }

  async bag(
    scope: BagScope,
    { reveal = true, size }: { readonly reveal?: boolean; readonly size?: number } = {},
  ): Promise<Buffer> {
    return bytesOf(await exportedBag(this.parts, { tenant: 'default', scope, size, reveal, custody: CUSTODY }));
  }
}

/** A turn whose prompt has the hash of its body. */
export async function turn(chat: ChatLog, name: string, pieces: readonly string[], parent: string | null = null) {
  const [message, generation] = [`m${name}`, `g${chat.id}-${name}`];
  await chat.sent(message, `text ${name}`, { parent });
  await chat.requested(generation, message);
  await chat.assembled(generation, `{"messages":[{"role":"user","content":"text ${name}"}]}`);
  await chat.claimed(generation);
  for (const piece of pieces) await chat.delta(generation, piece);
  await chat.attemptEnded(generation);
  await chat.finalized(generation);
  return generation;
}

/** Where the texts of an event are, by its type. */
const PERSONAL: Readonly<Record<string, readonly (readonly string[])[]>> = {
  ConversationStarted: [['title'], ['system']],
  MessageSent: [['parts', '0', 'text']],
  PromptAssembled: [['params'], ['sha256']],
  DeltaReceived: [['text']],
  GenerationFinalized: [['blocks'], ['textSha256']],
};

/** A log whose events have protected values, each stream under a key of its own. */
export class ProtectingLog extends MemoryEventLog {
  readonly keys = new Map<string, FoundKey>();

  override async append(...[stream, expected, events, options]: Parameters<MemoryEventLog['append']>) {
    return super.append(
      stream,
      expected,
      events.map((event) => this.protect(stream, event)),
      options,
    );
  }

  private protect(stream: string, event: NewEvent): NewEvent {
    const id = `key of ${stream}`;
    const found = this.keys.get(id) ?? { is: 'living', key: new ValueKey(randomBytes(32)) };
    this.keys.set(id, found);
    if (found.is !== 'living') throw new Error(`${id} is ${found.is}`);
    const data = JSON.parse(event.data);
    const meta = { ...JSON.parse(event.meta), owner: `u${'a'.repeat(52)}`, p: 1, key: id };
    for (const path of PERSONAL[event.type] ?? []) {
      const inner = path.slice(0, -1).reduce((value, name) => value[name], data);
      const name = path.at(-1) as string;
      const place = placeOf({ ...event, stream }, pointerOf('data', path));
      inner[name] = protect(found.key, place, inner[name]);
    }
    return { ...event, data: JSON.stringify(data), meta: JSON.stringify(meta) };
  }
}

/** The files of a bag by their paths, and the name of its top directory. */
export interface UnpackedBag {
  readonly top: string;
  readonly files: Map<string, string>;
}

export async function unpacked(bag: Uint8Array): Promise<UnpackedBag> {
  const { top, files } = await openBag(new MemoryBytes(bag));
  const texts = await Promise.all(
    files.map(async ({ path, content }) => [path, await (content as MemoryBytes).text()] as const),
  );
  return { top, files: new Map(texts) };
}

const hexOf = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Packs the files again, with manifests and sizes that fit them: as a writer does who knows the format. */
export async function repacked({ top, files }: UnpackedBag): Promise<Buffer> {
  const data = [...files.keys()].filter((path) => path.startsWith('data/'));
  const octets = data.reduce((sum, path) => sum + Buffer.byteLength(files.get(path) as string), 0);
  const manifest = (paths: readonly string[]) =>
    paths.map((path) => `${hexOf(files.get(path) as string)}  ${path}\n`).join('');
  const info = files.get('bag-info.txt') as string;
  files.set('bag-info.txt', info.replace(/Payload-Oxum: .*/, `Payload-Oxum: ${octets}.${data.length}`));
  files.set('manifest-sha256.txt', manifest(data));
  files.set('tagmanifest-sha256.txt', manifest(['bagit.txt', 'bag-info.txt', 'custody.json', 'manifest-sha256.txt']));
  return zipOf([...files].map(([path, text]) => [`${top}/${path}`, text]));
}

export function zipOf(files: readonly (readonly [path: string, text: string])[]): Promise<Buffer> {
  async function* zipped(): AsyncGenerator<ZippedFile> {
    for (const [path, text] of files) yield { path, content: once(text) };
  }
  return bytesOf(storedZip(zipped(), () => {}));
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}
