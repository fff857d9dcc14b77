import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteSource } from '../verifier/bytes.js';
import { reasonOf, UsageError } from './failures.js';

/** The bytes of an open file, or of a part of it. */
class FileBytes implements ByteSource {
  constructor(
    private readonly file: FileHandle,
    private readonly from: number,
    readonly size: number,
  ) {}

  slice(from = 0, to = this.size): FileBytes {
    const [begin, end] = [Math.min(from, this.size), Math.min(to, this.size)];
    return new FileBytes(this.file, this.from + begin, Math.max(0, end - begin));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await this.file.read(bytes, at, bytes.length - at, this.from + at);
      if (bytesRead === 0) throw new Error('the file has become shorter while it was read');
      at += bytesRead;
    }
    return bytes.buffer;
  }
}

/** Opens a file for as long as the work takes. */
export async function withFile<T>(path: string, work: (bytes: ByteSource) => Promise<T>): Promise<T> {
  // Without waiting for the other end, if it is a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    throw new UsageError(`${path} cannot be read: ${reasonOf(error)}`);
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new UsageError(`${path} is not a file`);
    return await work(new FileBytes(file, 0, status.size));
  } finally {
    await file.close();
  }
}
