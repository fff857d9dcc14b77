import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MORE_WHEN_THOROUGH, ONLY_THOROUGH } from '../support/extent.js';

const root = join(import.meta.dirname, '..');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
const usesExtent = (name: string) => readFileSync(join(root, name), 'utf8').includes("/support/extent.js';");

describe('the thorough run', () => {
  it('runs each test file that tries more there, and no other', () => {
    const using = files.filter((name) => usesExtent(name) && name !== 'unit/extent.test.ts');
    expect(using.sort()).toEqual([...MORE_WHEN_THOROUGH].sort());
  });

  it('names only files that exist', () => {
    expect(Object.keys(ONLY_THOROUGH).filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  it('is a command of the package, and a step of the continuous integration', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8'));
    expect(scripts['test:thorough']).toBe('TEST_EXTENT=thorough npm test');
    expect(readFileSync(join(root, '..', '.ci', 'run'), 'utf8')).toContain('tested npm run test:thorough\n');
  });
});
