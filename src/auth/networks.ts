import { isIP } from 'node:net';

/** Addresses, or networks such as 10.0.0.0/8, with commas between. */
export const areNetworks = (text: string): boolean => text.split(',').every(isNetwork);

function isNetwork(text: string): boolean {
  const [, address = '', length = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128);
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** As some proxies forward the address of a client: 192.0.2.1:51234 and [2001:db8::1]:51234. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/;

/**
 * One host has one IPv4 address, and with IPv6 the 2^64 addresses of its network. A proxy may forward any text that a client
 * sends as its address: all texts that are no address count as one network.
 */
export function networkOf(forwarded: string): string {
  const [, inBrackets, beforePort] = WITH_PORT.exec(forwarded) ?? [];
  const address = inBrackets ?? beforePort ?? forwarded;
  const [, mapped] = MAPPED.exec(address) ?? [];
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return mapped ?? `${firstGroups(address).join(':')}::/64`;
    default:
      return 'no address';
  }
}

/** The first four of its eight groups, each in its shortest form. */
function firstGroups(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'));
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')];
  // Four of the last groups may be written as an IPv4 address, which takes the place of two.
  const lastCount = last.length + (last.at(-1)?.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - lastCount);
  const groups = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  return groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
}
