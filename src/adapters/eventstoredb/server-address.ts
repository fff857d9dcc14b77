import { readFileSync } from 'node:fs';
import type { EndPoint } from './end-point.js';

/** The addresses of the servers, and the options of connections. */
export interface ServerAddress {
  readonly hosts: readonly [EndPoint, ...EndPoint[]];
  /** True if the hosts report the nodes of a cluster and its leader. Otherwise the only host gets every call. */
  readonly isCluster: boolean;
  readonly insecure: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly certificates: {
    readonly rootCertificate?: Buffer;
    readonly userCertFile?: Buffer;
    readonly userKeyFile?: Buffer;
  };
  readonly connectionName: string | undefined;
  /** For messages, without a secret. */
  readonly description: string;
}

/** Names the mistake in an address without quoting it, because it may hold a password. */
export class InvalidAddress extends Error {}

const SHAPE = /^(?:esdb|kurrentdb)(\+discover)?:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/;
const USUAL_PORT = 2113;
/**
 * Common options that are accepted without effect: every call goes to the leader and has its own deadline, and a search for
 * the leader queries all nodes at once.
 */
const WITHOUT_EFFECT = [
  ...['nodePreference', 'keepAliveInterval', 'keepAliveTimeout', 'defaultDeadline'],
  ...['maxDiscoverAttempts', 'discoveryInterval', 'gossipTimeout'],
];

/**
 * Parsed here and not by the client, which logs the whole text, with the password, if an option is unknown. Names of options
 * are case-insensitive, as in its documentation.
 */
export function serverAddress(url: string): ServerAddress {
  const [, discover, user, hosts, query] = SHAPE.exec(url) ?? wrong('expected esdb://host:port');
  const options = new Options(query);
  const endPoints = (hosts as string).split(',').map(endPoint) as [EndPoint, ...EndPoint[]];
  if (discover && endPoints.length > 1) wrong('expected one host to discover the others from');
  const address: ServerAddress = {
    hosts: endPoints,
    isCluster: discover !== undefined || endPoints.length > 1,
    insecure: !options.flag('tls', true),
    credentials: user === undefined ? undefined : credentialsIn(user),
    certificates: {
      ...options.file('tlsCAFile', 'rootCertificate'),
      ...options.file('userCertFile', 'userCertFile'),
      ...options.file('userKeyFile', 'userKeyFile'),
    },
    connectionName: options.text('connectionName'),
    description: endPoints.map(({ address: host, port }) => `${host}:${port}`).join(', '),
  };
  if (!options.flag('tlsVerifyCert', true))
    wrong('tlsVerifyCert=false is not supported: name the authority in tlsCAFile');
  for (const name of WITHOUT_EFFECT) options.text(name);
  options.requireKnown();
  return address;
}

function endPoint(text: string): EndPoint {
  const [, address, port = `${USUAL_PORT}`] =
    /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(text) ?? wrong('a host is malformed');
  if (Number(port) < 1 || Number(port) > 65_535) wrong('a port is malformed');
  return { address: address as string, port: Number(port) };
}

function credentialsIn(user: string) {
  const [, username, password] = /^([^:]+):(.*)$/.exec(user) ?? wrong('expected user:password before the @');
  return { username: decoded(username as string), password: decoded(password as string) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return wrong('a % in it is not followed by two digits');
  }
}

function wrong(reason: string): never {
  throw new InvalidAddress(reason);
}

/** The options after the question mark. Each is read once; an option that is not read is unknown and refused. */
class Options {
  private readonly asked = new Set<string>();
  private readonly left = new Map<string, { readonly name: string; readonly value: string }>();

  constructor(query: string | undefined) {
    for (const pair of query?.split('&') ?? []) {
      const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(pair) ?? wrong('an option is not name=value');
      this.left.set((name as string).toLowerCase(), { name: name as string, value: decoded(value as string) });
    }
  }

  text(name: string): string | undefined {
    this.asked.add(name);
    const value = this.left.get(name.toLowerCase())?.value;
    this.left.delete(name.toLowerCase());
    return value;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.text(name);
    if (value === undefined) return otherwise;
    return value === 'true' || (value === 'false' ? false : wrong(`${name} is neither true nor false`));
  }

  file<Field extends string>(name: string, field: Field): { [field in Field]?: Buffer } {
    const path = this.text(name);
    if (path === undefined) return {};
    try {
      return { [field]: readFileSync(path) } as { [field in Field]?: Buffer };
    } catch (error) {
      return wrong(`the file of ${name} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  requireKnown(): void {
    const known = [...this.asked].join(', ');
    for (const { name } of this.left.values()) wrong(`there is no option ${name} here, only ${known}`);
  }
}
