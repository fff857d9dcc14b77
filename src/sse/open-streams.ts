import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';
import { EventStream } from './event-stream.js';

/** How often the timer of all streams ticks, and what it does at which tick. */
export interface StreamPace {
  readonly tickMs: number;
  readonly principalCheckTicks: number;
  readonly heartbeatTicks: number;
}

const usualPace: StreamPace = {
  tickMs: limits.streamTickMs,
  principalCheckTicks: limits.streamPrincipalCheckTicks,
  heartbeatTicks: limits.streamHeartbeatTicks,
};

interface Entitlement {
  readonly isValid: (principal: Principal) => Promise<boolean>;
}

/** All event streams of this process. It sends heartbeats, and ends a stream when its key is revoked or the process stops. */
export class OpenStreams {
  private readonly streams = new Set<EventStream>();
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;
  private isStopping = false;
  private draining = false;

  constructor(
    private readonly authenticator: Entitlement,
    private readonly pace: StreamPace = usualPace,
  ) {}

  get size(): number {
    return this.streams.size;
  }

  /** This process ends its streams before it could stream a turn that begins now. */
  get isDraining(): boolean {
    return this.draining;
  }

  /** Takes the reply over and sends its head. Check before this call whether the request must be refused. */
  open(reply: FastifyReply, principal: Principal, headers?: Readonly<Record<string, string>>): EventStream {
    if (this.isStopping) throw new RetryableError('this process is stopping');
    // A stream passes no hook before an answer.
    reply.request.sight?.requireAnswerable();
    reply.hijack();
    const stream = new EventStream(reply.raw, principal, headers);
    this.streams.add(stream);
    this.timer ??= setInterval(() => this.tick(), this.pace.tickMs);
    stream.onGone(() => this.forget(stream));
    return stream;
  }

  /** From now on no turn begins a stream. The streams that are open go on. */
  drain(): void {
    this.draining = true;
  }

  /** Ends all streams: the server waits for its connections when it closes. */
  end(): void {
    this.isStopping = true;
    for (const stream of this.streams) stream.dismiss();
  }

  private forget(stream: EventStream): void {
    this.streams.delete(stream);
    if (this.streams.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private tick(): void {
    this.ticks += 1;
    const beats = this.ticks % this.pace.heartbeatTicks === 0;
    for (const stream of this.streams) {
      stream.tick();
      if (beats) stream.heartbeat();
    }
    if (this.ticks % this.pace.principalCheckTicks === 0) this.checkPrincipals();
  }

  /** One check for each principal, also if it has many streams. */
  private checkPrincipals(): void {
    const streamsOf = new Map<string, EventStream[]>();
    for (const stream of this.streams) {
      const who = identityOf(stream.principal);
      const streams = streamsOf.get(who);
      if (streams) streams.push(stream);
      else streamsOf.set(who, [stream]);
    }
    for (const streams of streamsOf.values()) void this.checkPrincipal(streams);
  }

  private async checkPrincipal(streams: readonly EventStream[]): Promise<void> {
    const [first] = streams;
    if (!first) return;
    // An outage does not make a key invalid. The next tick checks it again.
    const isValid = await this.authenticator.isValid(first.principal).catch(() => true);
    if (!isValid) for (const stream of streams) stream.dismiss();
  }
}

const identityOf = ({ tenant, user, role, keyId }: Principal): string => JSON.stringify([tenant, user, role, keyId]);
