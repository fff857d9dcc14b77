import { createHash } from 'node:crypto';

/**
 * A UUID (version 5) that derives from another one and a name. It is always the same, so a repeated command is recognised.
 */
export function derivedId(from: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(from.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
