// `@jest/globals`. Modules that several test files share import it once, so each name leads to the functions of the test
// file that runs.
import { current } from './current-globals.js';

const nameOf = (name) =>
  new Proxy(() => {}, {
    apply: (_target, _self, words) => current[name](...words),
    get: (_target, key) => current[name][key],
  });

export const afterAll = nameOf('afterAll');
export const afterEach = nameOf('afterEach');
export const beforeAll = nameOf('beforeAll');
export const beforeEach = nameOf('beforeEach');
export const describe = nameOf('describe');
export const expect = nameOf('expect');
export const it = nameOf('it');
export const jest = nameOf('jest');
export const test = nameOf('test');
