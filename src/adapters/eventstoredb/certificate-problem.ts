import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { limits } from '../../limits.js';
import type { EndPoint } from './end-point.js';
import type { ServerAddress } from './server-address.js';

/** Codes of OpenSSL and of Node for certificates of an authority that this process does not trust. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
];
const OF_CERTIFICATES = /^(ERR_TLS_CERT_|CERT_)/;

/** Opens connections to find a problem of the servers' certificates. Undefined if there is none. */
export async function certificateProblem({
  insecure,
  hosts,
  certificates,
}: ServerAddress): Promise<string | undefined> {
  if (insecure) return undefined;
  for (const host of hosts) {
    const problem = problemOf(await refusalBy(host, certificates.rootCertificate));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  if (UNTRUSTED.includes(code)) {
    return `its certificate is not trusted here (${code}): let tlsCAFile name the certificate of its authority`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another host (${code})`;
  if (code === 'CERT_HAS_EXPIRED') return `its certificate has expired (${code})`;
  return OF_CERTIFICATES.test(code) ? `its certificate is refused (${code})` : undefined;
}

/** The error code of a handshake. Undefined if it succeeds or takes too long. */
function refusalBy({ address, port }: EndPoint, ca: Buffer | undefined): Promise<string | undefined> {
  const host = address.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host, port, ALPNProtocols: ['h2'], timeout: limits.gossipAnswerMs },
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca && { ca }),
    });
    const end = (code?: string) => {
      socket.destroy();
      resolve(code);
    };
    socket.once('secureConnect', () => end());
    socket.once('timeout', () => end());
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code));
  });
}
