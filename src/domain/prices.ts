import type { GenerationFinalized } from './conversation/tree.js';

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

/** The prices of a million tokens, as decimal numbers. */
export interface ModelPrice {
  readonly inputPerMillion: string;
  /** The price of cached input. Absent: the same as other input. */
  readonly cachedInputPerMillion?: string;
  readonly outputPerMillion: string;
}

/** The prices of models from one day on. A changed price needs a new list with a new date. */
export interface PriceList {
  /** The name of the list, which is recorded with every cost. */
  readonly date: string;
  readonly currency: string;
  readonly models: Readonly<Record<string, ModelPrice>>;
}

/** The model that was called, and its provider. */
export interface PricedModel {
  readonly provider: string;
  readonly model: string;
}

/** Null if the cost is unknown. An unknown cost is never zero. */
export type RecordedCost = GenerationFinalized['cost'];

/** The cost of an answer by its reported usage and the price of the model that gave it. */
export function costOfAnswer(
  prices: PriceList,
  { provider, model }: PricedModel,
  { modelServed, usage }: Pick<GenerationFinalized, 'modelServed' | 'usage'>,
): RecordedCost {
  const price = priceOf(prices, { provider, model: modelServed ?? model });
  const tokens = tokensIn(usage);
  return price && tokens && costOf(prices, price, tokens);
}

/** The cost of a prompt without cached tokens, with an answer that uses all its reserved tokens. */
export function costOfPrompt(
  prices: PriceList,
  {
    provider,
    model,
    tokens,
  }: PricedModel & { readonly tokens: { readonly prompt: number; readonly reserved: number } },
): RecordedCost {
  const price = priceOf(prices, { provider, model });
  return price && costOf(prices, price, { input: tokens.prompt, cachedInput: 0, output: tokens.reserved });
}

/** Runs on this machine. If its model has the name of a listed one, that price is for another model. */
const DEMO = 'demo';

function priceOf({ models }: PriceList, { provider, model }: PricedModel): ModelPrice | null {
  if (provider === DEMO) return null;
  const name = namesOf(model).find((each) => Object.hasOwn(models, each));
  return name === undefined ? null : (models[name] ?? null);
}

const FINE_TUNED = /^ft:[^:]+/;
const DATED = /-\d{4}-\d{2}-\d{2}$/;

/**
 * The names under which a model may be listed, the most specific first. A dated snapshot costs the same as its model, unless
 * it is listed itself. A fine-tuned model costs more than its base model, and is listed as `ft:<model>`. Any other name that
 * begins with a listed one, such as gpt-5-pro, is another model.
 */
function namesOf(model: string): readonly string[] {
  const kind = FINE_TUNED.exec(model)?.[0] ?? model;
  return [model, kind, kind.replace(DATED, '')];
}

interface TokenCounts {
  /** Input tokens without the cached ones. */
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
}

/** Null if the usage lacks counts, or its counts are impossible. Cache writes cost as much as other input. */
function tokensIn(usage: GenerationFinalized['usage']): TokenCounts | null {
  const { input, output, cachedRead: cachedInput = 0 } = usage ?? {};
  if (input === undefined || output === undefined || cachedInput > input) return null;
  return { input: input - cachedInput, cachedInput, output };
}

function costOf({ date, currency }: PriceList, price: ModelPrice, tokens: TokenCounts): NonNullable<RecordedCost> {
  const { inputPerMillion, cachedInputPerMillion = inputPerMillion, outputPerMillion } = price;
  const parts = [
    times(decimalOf(inputPerMillion), tokens.input),
    times(decimalOf(cachedInputPerMillion), tokens.cachedInput),
    times(decimalOf(outputPerMillion), tokens.output),
  ];
  return { amount: textOf(millionthOf(sumOf(parts))), currency, priceList: date };
}
