/**
 * Optional packages that are plain JavaScript, so npm installs them on every system: they name neither os nor cpu.
 * Any other optional package is built for one platform.
 */
export const platformFreePackages = {
  '@colors/colors': 'colours of cli-table3, which works without them',
  '@pkgjs/parseargs': 'stands in for util.parseArgs, which old versions of Node lack',
  'pg-cloudflare': 'sockets of pg on Cloudflare Workers; an empty module elsewhere',
};

const OPERATING_SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];
const C_LIBRARIES = { gnu: 'glibc', glibc: 'glibc', musl: 'musl' };

/** A lock that `npm ci` accepts on every system: each optional dependency has an entry, and no registry is named. */
export function fillLock(lock) {
  const packages = withoutRegistry(lock.packages);
  for (const { name, range, holders } of missingOptionalDependencies(packages)) {
    packages[`node_modules/${name}`] = platformEntry(name, range, holders);
  }
  return { ...lock, packages: sortedAsNpmDoes(packages) };
}

/** What some package may optionally use, where a lock says nothing of it. */
export function missingOptionalDependencies(packages) {
  const missing = new Map();
  for (const [place, holder] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(holder.optionalDependencies ?? {})) {
      if (lockEntryFor(packages, place, name)) continue;
      const known = missing.get(name) ?? { name, range, holders: [] };
      if (known.range !== range) throw new Error(`${name} is missing in two versions: ${known.range} and ${range}`);
      missing.set(name, { ...known, holders: [...known.holders, holder] });
    }
  }
  return [...missing.values()];
}

/** The place of the package that Node would load by that name from there: its own node_modules, or one further up. */
export function lockEntryFor(packages, place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (at === '') return undefined;
  }
}

/**
 * What npm would write had the registry told it, as far as the name says it. The checksum is left out: npm takes it
 * from the registry on the systems that install the package.
 */
function platformEntry(name, range, holders) {
  const words = name.replace(/^@[^/]+\//, '').split('-');
  const os = words.find((word) => OPERATING_SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (!os || !cpu) throw new Error(`${name} has no entry in the lock, and its name does not say its platform`);
  const libc = words.map((word) => C_LIBRARIES[word]).find(Boolean);
  return {
    version: lowestVersion(name, range),
    cpu: [cpu],
    ...(holders.every((holder) => holder.dev) && { dev: true }),
    ...(libc && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}

function lowestVersion(name, range) {
  const version = /^[\^~]?(\d+\.\d+\.\d+[\w.+-]*)$/.exec(range)?.[1];
  if (!version) throw new Error(`${name} has no entry in the lock, and "${range}" names no version`);
  return version;
}

function withoutRegistry(packages) {
  return Object.fromEntries(Object.entries(packages).map(([place, { resolved, ...entry }]) => [place, entry]));
}

function sortedAsNpmDoes(packages) {
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
}
