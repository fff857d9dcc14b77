import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { limits } from '../../limits.js';

/**
 * The connections to one address of a provider. One without a call stays open for the next call: for as long as the provider
 * says in Keep-Alive, less a second, and at most for `providerIdleMs`.
 */
export class Connections {
  private readonly agent: HttpAgent;

  constructor(readonly endpoint: string) {
    const options = {
      keepAlive: true,
      timeout: limits.providerIdleMs,
      maxFreeSockets: limits.providerIdleSocketsMax,
    };
    this.agent = endpoint.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Takes or makes a connection, and sends nothing until the body is written. The agent decides about TLS. */
  request(headers: OutgoingHttpHeaders): ClientRequest {
    return httpRequest(this.endpoint, { agent: this.agent, method: 'POST', headers });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** A connection that is held for a call which may not be sent yet. */
export class HeldConnection {
  private readonly heldAt = performance.now();
  private readonly held: ClientRequest;
  private isLost = false;

  constructor(
    private readonly connections: Connections,
    private readonly headers: OutgoingHttpHeaders,
  ) {
    this.held = connections.request(headers);
    const lose = () => {
      this.isLost = true;
    };
    // The provider has closed it, or answers before it was asked. Both stay without an effect on the call.
    this.held.once('response', lose).on('error', lose);
  }

  /**
   * A request of which nothing was sent. A provider may be about to close a connection without a call. One that was lost, or held
   * for longer than it surely stays open, is replaced.
   */
  take(): ClientRequest {
    if (!this.isLost && performance.now() - this.heldAt < limits.providerHoldMs) return this.held;
    this.drop();
    return this.connections.request(this.headers);
  }

  drop(): void {
    this.held.destroy();
  }
}
