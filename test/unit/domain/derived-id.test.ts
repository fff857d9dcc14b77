import { expect, it } from '@jest/globals';
import { derivedId } from '../../../src/commands/origin.js';

it('is the version 5 of RFC 9562, by its own example', () => {
  const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  expect(derivedId(dns, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});
