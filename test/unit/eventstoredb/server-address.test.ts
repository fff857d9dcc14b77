import { describe, expect, it } from '@jest/globals';
import { InvalidAddress, serverAddress } from '../../../src/adapters/eventstoredb/server-address.js';

describe('the address of EventStoreDB', () => {
  it('names one host, with its usual port and with encryption', () => {
    expect(serverAddress('esdb://db.example')).toMatchObject({
      hosts: [{ address: 'db.example', port: 2113 }],
      isCluster: false,
      insecure: false,
      credentials: undefined,
      description: 'db.example:2113',
    });
  });

  it('names several, a user, and options without regard to case', () => {
    const url = 'kurrentdb://me:p%40ss:word@a:1111,b:2222/?TLS=false&gossipTimeout=3&connectionName=chat%201';
    expect(serverAddress(url)).toMatchObject({
      hosts: [
        { address: 'a', port: 1111 },
        { address: 'b', port: 2222 },
      ],
      insecure: true,
      credentials: { username: 'me', password: 'p@ss:word' },
      isCluster: true,
      connectionName: 'chat 1',
      description: 'a:1111, b:2222',
    });
  });

  it('may say what has no effect here, and be an address of IPv6', () => {
    const url = 'esdb://[::1]:2114?tls=false&keepAliveInterval=10000&keepAliveTimeout=10000&nodePreference=leader';
    expect(serverAddress(url)).toMatchObject({ hosts: [{ address: '[::1]', port: 2114 }], insecure: true });
  });

  it('names one to discover the others from', () => {
    expect(serverAddress('esdb+discover://cluster.example:2113')).toMatchObject({ isCluster: true });
  });

  it.each([
    ['esdb://', 'expected esdb://host:port'],
    ['esdb://me@db.example', 'expected user:password before the @'],
    ['esdb://me:hunter2%@db.example', 'a % in it is not followed by two digits'],
    ['esdb://db.example:99999', 'a port is malformed'],
    ['esdb://me:hunter2@db.example:x', 'a host is malformed'],
    ['esdb+discover://a,b', 'expected one host to discover the others from'],
    ['esdb://me:hunter2@db.example?tls=perhaps', 'tls is neither true nor false'],
    ['esdb://me:hunter2@db.example?tls', 'an option is not name=value'],
    [
      'esdb://me:hunter2@db.example?tlsVerifyCerts=true',
      'there is no option tlsVerifyCerts here, only tls, tlsCAFile, userCertFile, userKeyFile, connectionName, ' +
        'tlsVerifyCert, nodePreference, keepAliveInterval, keepAliveTimeout, defaultDeadline, maxDiscoverAttempts, ' +
        'discoveryInterval, gossipTimeout',
    ],
    [
      'esdb://me:hunter2@db.example?tlsVerifyCert=false',
      'tlsVerifyCert=false is not supported: name the authority in tlsCAFile',
    ],
    ['esdb://me:hunter2@db.example?tlsCAFile=/no/such.pem', 'the file of tlsCAFile cannot be read (ENOENT)'],
  ])('%s is refused without showing a secret', (url, reason) => {
    expect(() => serverAddress(url)).toThrow(new InvalidAddress(reason));
  });
});
