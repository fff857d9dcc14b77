import type { ModelPrice, PriceList } from './prices.js';

const price = (inputPerMillion: string, cachedInputPerMillion: string, outputPerMillion: string): ModelPrice => ({
  inputPerMillion,
  cachedInputPerMillion,
  outputPerMillion,
});

const uncached = (inputPerMillion: string, outputPerMillion: string): ModelPrice => ({
  inputPerMillion,
  outputPerMillion,
});

/**
 * OpenAI's list prices for text at its standard tier, from https://developers.openai.com/api/docs/pricing. They change
 * without notice: a deployment that has to be exact, or has its own prices, overrides this table with a file. Models whose
 * price depends on the length of the prompt or on cache writes (GPT-5.4 and later) are left out, so their cost is unknown.
 */
export const listPrices: PriceList = {
  date: '2026-11-26',
  currency: 'USD',
  models: {
    'gpt-3.5-turbo': uncached('0.50', '1.50'),
    'gpt-3.5-turbo-0125': uncached('0.50', '1.50'),
    'gpt-3.5-turbo-1106': uncached('1.00', '2.00'),
    'gpt-4': uncached('30.00', '60.00'),
    'gpt-4-0613': uncached('30.00', '60.00'),
    'gpt-4-turbo': uncached('10.00', '30.00'),
    'gpt-4-turbo-preview': uncached('10.00', '30.00'),
    'gpt-4-0125-preview': uncached('10.00', '30.00'),
    'gpt-4-1106-preview': uncached('10.00', '30.00'),
    'gpt-4o': price('2.50', '1.25', '10.00'),
    /** The first snapshot costs more than the later ones. */
    'gpt-4o-2024-05-13': uncached('5.00', '15.00'),
    'gpt-4o-mini': price('0.15', '0.075', '0.60'),
    'gpt-4.1': price('2.00', '0.50', '8.00'),
    'gpt-4.1-mini': price('0.40', '0.10', '1.60'),
    'gpt-4.1-nano': price('0.10', '0.025', '0.40'),
    o1: price('15.00', '7.50', '60.00'),
    o3: price('2.00', '0.50', '8.00'),
    'o3-mini': price('1.10', '0.55', '4.40'),
    'o4-mini': price('1.10', '0.275', '4.40'),
    'gpt-5': price('1.25', '0.125', '10.00'),
    'gpt-5-mini': price('0.25', '0.025', '2.00'),
    'gpt-5-nano': price('0.05', '0.005', '0.40'),
    'gpt-5-chat-latest': price('1.25', '0.125', '10.00'),
    'gpt-5.1': price('1.25', '0.125', '10.00'),
    'gpt-5.1-chat-latest': price('1.25', '0.125', '10.00'),
    'gpt-5.2': price('1.75', '0.175', '14.00'),
    'gpt-5.2-chat-latest': price('1.75', '0.175', '14.00'),
    'gpt-5.3-chat-latest': price('1.75', '0.175', '14.00'),
  },
};
