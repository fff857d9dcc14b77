/**
 * Arrays in PostgreSQL's binary form. The driver would write them as text, where every quote of a JSON text has to
 * be escaped here and unescaped there.
 */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const typeOids = { bool: 16, bytea: 17, int8: 20, text: 25, json: 114, uuid: 2950, int4: 23, timestamptz: 1184 };
const NULL_LENGTH = -1;

function startArray(oid: number, count: number, bodyBytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(1, 4); // may hold nulls
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(count, 12);
  array.writeInt32BE(1, 16); // first index
  return array;
}

function textsOf(oid: number, values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? NULL_LENGTH : Buffer.byteLength(value)));
  const array = startArray(
    oid,
    values.length,
    lengths.reduce((sum, length) => sum + LENGTH_BYTES + Math.max(0, length), 0),
  );
  let at = HEADER_BYTES;
  values.forEach((value, index) => {
    const length = lengths[index] as number;
    at = array.writeInt32BE(length, at);
    if (value !== null) at += array.write(value, at, length, 'utf8');
  });
  return array;
}

export const textArray = (values: readonly (string | null)[]): Buffer => textsOf(typeOids.text, values);
export const jsonArray = (values: readonly string[]): Buffer => textsOf(typeOids.json, values);

export function integerArray(values: readonly (number | null)[]): Buffer {
  const array = startArray(typeOids.int4, values.length, values.length * 2 * LENGTH_BYTES);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value === null ? NULL_LENGTH : 4, at);
    if (value !== null) at = array.writeInt32BE(value, at);
  }
  return array.subarray(0, at);
}

export function bigintArray(values: readonly number[]): Buffer {
  const array = startArray(typeOids.int8, values.length, values.length * (LENGTH_BYTES + 8));
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(8, at);
    at = array.writeBigInt64BE(BigInt(value), at);
  }
  return array;
}

export function bytesArray(values: readonly Uint8Array[]): Buffer {
  const bytes = values.reduce((sum, value) => sum + LENGTH_BYTES + value.length, 0);
  const array = startArray(typeOids.bytea, values.length, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value.length, at);
    array.set(value, at);
    at += value.length;
  }
  return array;
}

export function booleanArray(values: readonly boolean[]): Buffer {
  const array = startArray(typeOids.bool, values.length, values.length * (LENGTH_BYTES + 1));
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(1, at);
    at = array.writeUInt8(value ? 1 : 0, at);
  }
  return array;
}

export function uuidArray(values: readonly (string | null)[]): Buffer {
  const array = startArray(typeOids.uuid, values.length, values.length * (LENGTH_BYTES + 16));
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value === null ? NULL_LENGTH : 16, at);
    if (value !== null) at += array.write(value.replaceAll('-', ''), at, 16, 'hex');
  }
  return array.subarray(0, at);
}

const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

export function timestampArray(values: readonly string[]): Buffer {
  const array = startArray(typeOids.timestamptz, values.length, values.length * (LENGTH_BYTES + 8));
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(8, at);
    at = array.writeBigInt64BE(BigInt(Date.parse(value) - POSTGRES_EPOCH_MS) * 1000n, at);
  }
  return array;
}
