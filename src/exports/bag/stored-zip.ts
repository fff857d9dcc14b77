import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** A file of a zip. Its content is read once, when all files before it are written. */
export interface ZippedFile {
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Known when the content of a file is written. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface CentralFile {
  readonly name: Buffer;
  readonly crc: number;
  readonly bytes: number;
  readonly offset: number;
}

const VERSION = 45;
/** A data descriptor follows the content, and the name is UTF-8. */
const FLAGS = 0x0808;
/** 1980-01-01, the first day that a zip can name: equal bags have equal bytes. */
const DATE = 0x0021;
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffffffff;

/**
 * Writes files into a zip without compression, in the form that docs/record-format.md describes. Sizes follow the content, so neither
 * a file nor the archive has to fit into memory, and nothing is written twice.
 */
export async function* storedZip(
  files: AsyncIterable<ZippedFile>,
  onWritten: (file: WrittenFile) => void,
): AsyncGenerator<Uint8Array> {
  const central: CentralFile[] = [];
  let offset = 0;
  for await (const { path, content } of files) {
    const name = Buffer.from(path, 'utf8');
    const header = localHeader(name);
    yield header;
    const hash = createHash('sha256');
    let [crc, bytes] = [0, 0];
    for await (const chunk of content) {
      hash.update(chunk);
      crc = crc32(chunk, crc);
      bytes += chunk.length;
      yield chunk;
    }
    const descriptor = dataDescriptor(crc, bytes);
    yield descriptor;
    central.push({ name, crc, bytes, offset });
    onWritten({ path, bytes, sha256: hash.digest('hex') });
    offset += header.length + bytes + descriptor.length;
  }
  const headers = Buffer.concat(central.map(centralHeader));
  yield headers;
  yield ending(central.length, headers.length, offset);
}

function localHeader(name: Buffer): Buffer {
  const header = new Fields(30 + name.length + 20);
  header.u32(0x04034b50).u16(VERSION).u16(FLAGS).u16(0).u16(0).u16(DATE);
  header.u32(0).u32(IN_ZIP64_32).u32(IN_ZIP64_32).u16(name.length).u16(20).text(name);
  return header.u16(1).u16(16).u64(0).u64(0).bytes;
}

const dataDescriptor = (crc: number, bytes: number): Buffer =>
  new Fields(24).u32(0x08074b50).u32(crc).u64(bytes).u64(bytes).bytes;

function centralHeader({ name, crc, bytes, offset }: CentralFile): Buffer {
  const header = new Fields(46 + name.length + 28);
  header.u32(0x02014b50).u16(VERSION).u16(VERSION).u16(FLAGS).u16(0).u16(0).u16(DATE);
  header.u32(crc).u32(IN_ZIP64_32).u32(IN_ZIP64_32).u16(name.length).u16(28).u16(0);
  header.u16(0).u16(0).u32(0).u32(IN_ZIP64_32).text(name);
  return header.u16(1).u16(24).u64(bytes).u64(bytes).u64(offset).bytes;
}

function ending(files: number, centralBytes: number, offset: number): Buffer {
  const end = new Fields(56 + 20 + 22);
  // The zip64 end of the central directory: 44 bytes follow its size.
  end.u32(0x06064b50).u64(44).u16(VERSION).u16(VERSION).u32(0).u32(0).u64(files).u64(files);
  end.u64(centralBytes).u64(offset);
  // Its locator: it is on disk 0 of 1.
  end
    .u32(0x07064b50)
    .u32(0)
    .u64(offset + centralBytes)
    .u32(1);
  end.u32(0x06054b50).u16(0).u16(0).u16(IN_ZIP64_16).u16(IN_ZIP64_16);
  return end.u32(IN_ZIP64_32).u32(IN_ZIP64_32).u16(0).bytes;
}

/** Writes little-endian numbers one after the other. */
class Fields {
  readonly bytes: Buffer;
  private at = 0;

  constructor(length: number) {
    this.bytes = Buffer.alloc(length);
  }

  u16(value: number): this {
    this.at = this.bytes.writeUInt16LE(value, this.at);
    return this;
  }

  u32(value: number): this {
    this.at = this.bytes.writeUInt32LE(value, this.at);
    return this;
  }

  u64(value: number): this {
    this.at = this.bytes.writeBigUInt64LE(BigInt(value), this.at);
    return this;
  }

  text(bytes: Buffer): this {
    this.at += bytes.copy(this.bytes, this.at);
    return this;
  }
}
