/** An exact decimal number for money. `places` is the number of digits after the point. */
export interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

/** Parses digits with an optional fraction, such as `0.075`. */
export function decimalOf(text: string): Decimal {
  const [whole = '', fraction = ''] = text.split('.');
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

export const times = ({ digits, places }: Decimal, count: number): Decimal => ({
  digits: digits * BigInt(count),
  places,
});

export function sumOf(numbers: readonly Decimal[]): Decimal {
  const places = Math.max(0, ...numbers.map((each) => each.places));
  const digits = numbers.map((each) => each.digits * 10n ** BigInt(places - each.places));
  return { digits: digits.reduce((sum, each) => sum + each, 0n), places };
}

export const millionthOf = ({ digits, places }: Decimal): Decimal => ({ digits, places: places + 6 });

/** Formats without trailing zeros, so that equal numbers are equal texts. Not for negative numbers, which do not occur. */
export function textOf({ digits, places }: Decimal): string {
  const text = digits.toString().padStart(places + 1, '0');
  const point = text.length - places;
  const fraction = text.slice(point).replace(/0+$/, '');
  return fraction === '' ? text.slice(0, point) : `${text.slice(0, point)}.${fraction}`;
}
