const END = 0x80;
const BLOCK_BYTES = 32;
const LARGE_BYTES = 8_192;
const LARGE_BLOCK_BYTES = 1_024;

/** The bytes with their end marked, filled up to a full block, so that the length of a stored value says little about its text. */
export function padded(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.alloc(paddedLength(length));
  bytes.write(text);
  bytes[length] = END;
  return bytes;
}

/** Undefined for bytes that `padded` does not make. */
export function unpadded(bytes: Buffer): Buffer | undefined {
  let end = bytes.length - 1;
  while (bytes[end] === 0) end--;
  return bytes[end] === END && bytes.length === paddedLength(end) ? bytes.subarray(0, end) : undefined;
}

function paddedLength(length: number): number {
  const block = length < LARGE_BYTES ? BLOCK_BYTES : LARGE_BLOCK_BYTES;
  return Math.ceil((length + 1) / block) * block;
}
