/** A file or an answer holds more than its format allows. */
export class TooLong extends Error {}

/** Reads no further than the bound. Throws TooLong, with the name of what is read. */
export async function bytesUpTo(bytesMax: number, name: string, source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new TooLong(`${name} has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
