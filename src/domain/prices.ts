import type { GenerationFinalized } from './conversation/nodes.js';
import { decimalOf, millionthOf, sumOf, textOf, times } from './decimal.js';

/** Of a million tokens, as decimal numbers. */
export interface ModelPrice {
  readonly inputPerMillion: string;
  /** Of input that the provider had in its cache; absent: it costs as much as any other. */
  readonly cachedInputPerMillion?: string;
  readonly outputPerMillion: string;
}

/** What models cost from one day on. Another price is another list, with another date. */
export interface PriceList {
  /** Its name, which is recorded with every cost. */
  readonly date: string;
  readonly currency: string;
  readonly models: Readonly<Record<string, ModelPrice>>;
}

/** Who was asked for an answer. */
export interface PricedModel {
  readonly provider: string;
  readonly model: string;
}

/** Null: not known, and never zero for that. */
export type RecordedCost = GenerationFinalized['cost'];

/** What an answer cost, by the usage that was reported with it: the price is that of the model that gave it. */
export function costOfAnswer(
  prices: PriceList,
  { provider, model }: PricedModel,
  { modelServed, usage }: Pick<GenerationFinalized, 'modelServed' | 'usage'>,
): RecordedCost {
  const price = priceOf(prices, { provider, model: modelServed ?? model });
  const tokens = tokensIn(usage);
  return price && tokens && costOf(prices, price, tokens);
}

/** What a prompt would cost with nothing of it cached, and an answer that takes all that is kept for it. */
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

/** Answers on this machine, whatever name it is called by: what is listed for that name is another model's price. */
const DEMO = 'demo';

function priceOf({ models }: PriceList, { provider, model }: PricedModel): ModelPrice | null {
  if (provider === DEMO) return null;
  const name = namesOf(model).find((each) => Object.hasOwn(models, each));
  return name === undefined ? null : (models[name] ?? null);
}

const FINE_TUNED = /^ft:[^:]+/;
const DATED = /-\d{4}-\d{2}-\d{2}$/;

/**
 * By which it may be listed, the closest one first. A dated snapshot costs what its model does, unless it is listed
 * itself. A fine-tuned model costs more than the one it comes from: all of those are `ft:<model>`. Any other name that
 * merely begins like a listed one, as gpt-5-pro does, is another model.
 */
function namesOf(model: string): readonly string[] {
  const kind = FINE_TUNED.exec(model)?.[0] ?? model;
  return [model, kind, kind.replace(DATED, '')];
}

interface TokenCounts {
  /** Without the cached ones. */
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
}

/** Null when the usage does not say, or says what cannot be. What was written to a cache costs as much as other input. */
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
