import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NotePublicKey, NoteSigner } from '../../formats/record-1/note.js';
import { SigningKeys } from '../../formats/record-1/signing-keys.js';
import { createOnce, flushFolder } from './flushed-files.js';
import { contentOf, InvalidSeed } from './seed-file.js';

const KEY_BYTES = 32;
const ENDED = 'ended:';

/** The keys that sign the record: of the setting, or of the file `record.key`, which the first start creates. */
export async function openSigningKeys(dataDir: string, setting: string | undefined): Promise<SigningKeys> {
  if (setting !== undefined) return keysIn(setting.split(','), 'VERBATIM_RECORD_KEY');
  return new RecordKeyFile(dataDir).open();
}

/** The keys, if there are any. Creates none. */
export async function knownSigningKeys(dataDir: string, setting: string | undefined): Promise<SigningKeys | undefined> {
  if (setting !== undefined) return keysIn(setting.split(','), 'VERBATIM_RECORD_KEY');
  return new RecordKeyFile(dataDir).known();
}

/**
 * One key in each line, the present one first: its seed as base64. An earlier one has its seed while it signs the sizes at which it
 * ends, and then `ended:` and its public part.
 */
export class RecordKeyFile {
  private readonly file: string;
  /** The next content, whole. A crash leaves it, and then the next call goes on with it. */
  private readonly next: string;

  constructor(private readonly dataDir: string) {
    this.file = join(dataDir, 'record.key');
    this.next = `${this.file}.next`;
  }

  async open(): Promise<SigningKeys> {
    await mkdir(this.dataDir, { recursive: true });
    return keysIn(linesOf((await contentOf(this.file)) ?? (await this.created())), this.file);
  }

  async known(): Promise<SigningKeys | undefined> {
    const content = await contentOf(this.file);
    return content === undefined ? undefined : keysIn(linesOf(content), this.file);
  }

  /** Puts a new key in front, unless an earlier one has not ended yet. */
  async begin(): Promise<SigningKeys> {
    await this.open();
    await this.replace((lines) => (lines.slice(1).every(isEnded) ? [newSeed(), ...lines] : lines));
    return this.open();
  }

  /** From now on the earlier keys only verify. */
  async finish(): Promise<void> {
    await this.replace(([present = '', ...earlier]) => [present, ...earlier.map(ended)]);
  }

  /** Adds a lost key, of which only the public part is known. */
  async lost(publicKey: Buffer): Promise<SigningKeys> {
    await this.open();
    const line = `${ENDED}${publicKey.toString('base64')}`;
    await this.replace((lines) => (lines.includes(line) ? lines : [...lines, line]));
    return this.open();
  }

  /** The next content names the one that it replaces: after a crash, or beside another process, it may be out of date. */
  private async replace(change: (lines: readonly string[]) => readonly string[]): Promise<void> {
    await this.finishReplacing();
    const before = (await contentOf(this.file)) ?? '';
    const lines = linesOf(before);
    const after = change(lines);
    if (after.join() === lines.join()) return;
    await createOnce(this.next, `${[...after, replacing(before)].join('\n')}\n`);
    await this.finishReplacing();
  }

  private async finishReplacing(): Promise<void> {
    const next = await contentOf(this.next);
    if (next === undefined) return;
    const isNext = next.includes(replacing((await contentOf(this.file)) ?? ''));
    await (isNext ? rename(this.next, this.file) : rm(this.next)).catch(unlessMissing);
    await flushFolder(this.dataDir);
  }

  /** Of two processes that start at once, both use the key of the first. */
  private async created(): Promise<string> {
    await createOnce(this.file, `${newSeed()}\n`);
    await flushFolder(this.dataDir);
    return (await contentOf(this.file)) ?? '';
  }
}

const newSeed = (): string => randomBytes(KEY_BYTES).toString('base64');

const COMMENT = '#';

const replacing = (content: string): string =>
  `${COMMENT} replaces ${createHash('sha256').update(content).digest('hex')}`;

const linesOf = (content: string): string[] =>
  content.split('\n').flatMap((line) => (line.startsWith(COMMENT) ? [] : line.trim() || []));

const isEnded = (line: string): boolean => line.startsWith(ENDED);

const ended = (line: string): string =>
  isEnded(line) ? line : `${ENDED}${new NoteSigner(Buffer.from(line, 'base64')).publicKey.toString('base64')}`;

function keysIn(items: readonly string[], where: string): SigningKeys {
  const [present, ...earlier] = items.map((item) => keyOf(item, where));
  if (!(present instanceof NoteSigner)) throw new InvalidSeed(`${where} does not begin with the seed of a key`);
  return new SigningKeys(present, earlier);
}

function keyOf(item: string, where: string): NotePublicKey {
  const bytes = Buffer.from(isEnded(item) ? item.slice(ENDED.length) : item, 'base64');
  if (bytes.length !== KEY_BYTES) throw new InvalidSeed(`${where} does not hold a key: expected 32 bytes as base64`);
  return isEnded(item) ? new NotePublicKey(bytes) : new NoteSigner(bytes);
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
