import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fillLock, lockEntryFor, missingOptionalDependencies, platformFreePackages } from '../../scripts/lock.mjs';

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly cpu?: readonly string[];
  readonly dev?: boolean;
  readonly libc?: readonly string[];
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, LockEntry>>;

const repository = join(import.meta.dirname, '..', '..');
const textOf = (file: string) => readFileSync(join(repository, file), 'utf8');
const lockText = textOf('package-lock.json');
const lock: { readonly packages: Packages } = JSON.parse(lockText);
const manifest: Record<string, unknown> = JSON.parse(textOf('package.json'));

const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const placeOf = (packages: Packages, from: string, name: string): string | undefined =>
  lockEntryFor(packages, from, name);
const filled = (packages: Packages): Packages => fillLock({ packages }).packages;

/** Each optional dependency, with the entry that stands for it. */
const optionalDependencies = Object.entries(lock.packages).flatMap(([holder, { optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies).map(([name, range]) => {
    const place = placeOf(lock.packages, holder, name);
    return { name, range, entry: place === undefined ? undefined : lock.packages[place] };
  }),
);

/** Every web address in a value, except where a package asks for money. */
function addressesIn(value: unknown): string[] {
  if (typeof value === 'string') return /https?:\/\//.test(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => (key === 'funding' ? [] : addressesIn(member)));
}

describe('package-lock.json', () => {
  it('has an entry for every optional dependency, so that npm ci works on every system', () => {
    expect(optionalDependencies.length).toBeGreaterThan(40);
    expect(missingOptionalDependencies(lock.packages)).toEqual([]);
  });

  it('has them in the version that is asked for', () => {
    const exact = optionalDependencies.filter(({ range }) => /^\d/.test(range));
    const wrong = exact.filter(({ range, entry }) => entry?.version !== range);
    expect(wrong).toEqual([]);
  });

  it('says the platform of every optional dependency, but for the ones that run on all', () => {
    const names = (entries: typeof optionalDependencies) => [...new Set(entries.map(({ name }) => name))].sort();
    const onAll = optionalDependencies.filter(({ entry }) => entry?.os === undefined && entry?.cpu === undefined);
    expect(names(onAll)).toEqual(Object.keys(platformFreePackages).sort());
    // A build for WebAssembly runs on every system.
    const builds = optionalDependencies.filter(({ entry }) => entry?.cpu?.join() !== 'wasm32');
    const inPart = builds.filter(({ entry }) => (entry?.os === undefined) !== (entry?.cpu === undefined));
    expect(names(inPart)).toEqual([]);
    expect(optionalDependencies.filter(({ entry }) => entry?.optional !== true)).toEqual([]);
  });

  it('names no registry', () => {
    expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(addressesIn(lock)).toEqual([]);
  });

  it('is left as it is by npm run lock:fill', () => {
    expect(`${JSON.stringify(fillLock(lock), null, 2)}\n`).toBe(lockText);
  });

  it('has exact versions in package.json', () => {
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'overrides'];
    const versions = kinds.flatMap((kind) => Object.entries((manifest[kind] ?? {}) as Record<string, unknown>));
    expect(versions.length).toBeGreaterThan(20);
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))).toEqual([]);
  });
});

describe('filling a lock', () => {
  const family = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.2.3']));
  const onlyNew = (packages: Packages) =>
    Object.fromEntries(Object.entries(filled(packages)).filter(([place]) => !packages[place]));

  it.each(optionalDependencies.filter(({ entry }) => entry?.integrity && entry.os).map(({ name }) => name))(
    'would write for %s what npm itself wrote, as far as its name says it',
    (name) => {
      const place = `node_modules/${name}`;
      const { [place]: own, ...others } = lock.packages;
      const again = filled(others)[place];
      const { version, cpu, dev, optional, os } = own ?? {};
      expect(again).toMatchObject(JSON.parse(JSON.stringify({ version, cpu, dev, optional, os })));
      // Only where the name is silent may it say less: @biomejs/cli-linux-x64 is for glibc.
      if (/-(gnu|glibc|musl)$/.test(name)) expect(again?.libc).toEqual(own?.libc);
      expect(own).toMatchObject(again ?? {});
    },
  );

  it('keeps the order in which npm writes', () => {
    const packages = { '': { optionalDependencies: family(['@a/linux-x64-musl']) }, 'node_modules/b': {} };
    const result = filled({ ...packages, 'node_modules/B': {}, 'node_modules/@b/c': {} });
    const places = ['', 'node_modules/@a/linux-x64-musl', 'node_modules/@b/c', 'node_modules/b', 'node_modules/B'];
    expect(Object.keys(result)).toEqual(places);
    const entry = result['node_modules/@a/linux-x64-musl'] ?? {};
    expect(Object.keys(entry)).toEqual(['version', 'cpu', 'libc', 'optional', 'os']);
  });

  it.each([
    ['@swc/core-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'] }],
    ['@swc/core-win32-ia32-msvc', { os: ['win32'], cpu: ['ia32'] }],
    ['@unrs/resolver-binding-linux-riscv64-musl', { os: ['linux'], cpu: ['riscv64'], libc: ['musl'] }],
    ['@unrs/resolver-binding-openharmony-arm64', { os: ['openharmony'], cpu: ['arm64'] }],
  ])('reads the platform off the name %s', (name, platform) => {
    const added = onlyNew({ '': { optionalDependencies: family([name]) } });
    expect(added).toEqual({ [`node_modules/${name}`]: { version: '1.2.3', optional: true, ...platform } });
  });

  it('marks what only development reaches', () => {
    const optionalDependencies = family(['x-linux-x64']);
    const development = { 'node_modules/a': { dev: true, optionalDependencies } };
    expect(onlyNew(development)).toMatchObject({ 'node_modules/x-linux-x64': { dev: true } });
    const both = onlyNew({ ...development, 'node_modules/b': { optionalDependencies } });
    expect(both['node_modules/x-linux-x64']).not.toHaveProperty('dev');
  });

  it.each([
    ['beside its holder', 'node_modules/a/node_modules/x-linux-x64'],
    ['further up', 'node_modules/x-linux-x64'],
  ])('finds a package %s', (_, place) => {
    const packages = { 'node_modules/a': { optionalDependencies: family(['x-linux-x64']) }, [place]: {} };
    expect(onlyNew(packages)).toEqual({});
  });

  it('does not find what Node would not: another package has it', () => {
    const elsewhere = { 'node_modules/b/node_modules/x-linux-x64': {} };
    const packages = { 'node_modules/a': { optionalDependencies: family(['x-linux-x64']) }, ...elsewhere };
    expect(Object.keys(onlyNew(packages))).toEqual(['node_modules/x-linux-x64']);
  });

  it('strips the addresses of registries and keeps the checksums', () => {
    const entry = { version: '1.0.0', resolved: 'https://registry.example/a.tgz', integrity: 'sha512-x' };
    expect(filled({ 'node_modules/a': entry })).toEqual({
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' },
    });
  });

  it.each([
    ['a package that its name does not tell the platform of', { fsevents: '2.3.3' }],
    ['a range without a version', { 'x-linux-x64': '>=1 <3' }],
  ])('stops at %s rather than guess', (_, optionalDependencies) => {
    expect(() => filled({ '': { optionalDependencies } })).toThrow(/has no entry in the lock/);
  });

  it('knows every package that it excuses', () => {
    for (const name of Object.keys(platformFreePackages)) {
      expect(Object.keys(lock.packages).map(nameOf)).toContain(name);
    }
  });
});
