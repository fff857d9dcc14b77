import type { ServerResponse } from 'node:http';
import type { Principal } from '../auth/principal.js';
import { limits } from '../limits.js';

export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Neither stored nor changed on its way, and not held back by a proxy until there is more of it.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** Without a reason of its own, each end of a stream would make an error with its stack. */
const OVER = 'over';
const HEARTBEAT = Buffer.from(':\n\n');

/**
 * One client that is sent events for as long as both sides want. Everything that is ready leaves in one write; what is
 * not taken is bounded; and whoever feeds it learns from `over` that there is nobody to feed any more.
 */
export class EventStream {
  private readonly ending = new AbortController();
  private ready: Buffer[] = [];
  private readyBytes = 0;
  private flushIsDue = false;
  /** Of what waits, this does not count against the bound: one piece that is larger than the bound is still one piece. */
  private exceptedBytes = 0;
  private isBlocked = false;
  private drains = 0;
  private owesTooMuch = false;
  private isSuspected = false;
  private blockedHeartbeats = 0;
  private farewellTicks = 0;

  constructor(
    private readonly raw: ServerResponse,
    readonly principal: Principal,
    headers: Readonly<Record<string, string>> = {},
  ) {
    // What a dead socket says of a write is no news: its close is.
    raw.on('error', () => {});
    raw.once('close', () => this.ending.abort(OVER));
    if (raw.destroyed) this.ending.abort(OVER);
    else raw.writeHead(200, { ...STREAM_HEADERS, ...headers }).flushHeaders();
  }

  /** Aborted when the client has left, or was sent away: from then on nothing is written. */
  get over(): AbortSignal {
    return this.ending.signal;
  }

  get isGone(): boolean {
    return this.raw.destroyed;
  }

  /** Called once, when nothing is left of the connection. */
  onGone(then: () => void): void {
    if (this.isGone) then();
    else this.raw.once('close', then);
  }

  write(frame: Buffer): void {
    if (this.over.aborted) return;
    this.ready.push(frame);
    this.readyBytes += frame.length;
    if (this.readyBytes >= limits.streamWriteBytesMax) this.flush();
    else if (!this.flushIsDue) {
      this.flushIsDue = true;
      // After all that is done in this turn of the loop: what becomes ready together leaves together.
      process.nextTick(() => this.flush());
    }
  }

  /** For what is not part of the flow: however large, it is not what a slow client is closed for. */
  writeExcepted(frame: Buffer): void {
    if (this.over.aborted) return;
    this.flush();
    this.exceptedBytes += frame.length;
    this.raw.write(frame, () => {
      this.exceptedBytes -= frame.length;
    });
  }

  /** Whether there is enough for the client to take first. */
  get isFull(): boolean {
    return this.readyBytes + this.raw.writableLength >= limits.streamWriteBytesMax;
  }

  /** Resolves when the client has taken what it was sent, or is gone. */
  async room(): Promise<void> {
    this.flush();
    this.isBlocked = true;
    while (this.isFull && !this.over.aborted) await this.drained();
    this.isBlocked = false;
    this.drains += 1;
    this.blockedHeartbeats = 0;
  }

  /**
   * What more waits for this client elsewhere: one that does not take what it was sent may not owe without bound. A
   * burst can exceed the bound before anybody could have read, so it counts what is still there a moment later.
   */
  awaits(elsewhereBytes: number): void {
    const hereBytes = this.readyBytes + this.raw.writableLength - this.exceptedBytes;
    this.owesTooMuch = hereBytes + elsewhereBytes > limits.streamWaitingBytesMax;
    if (!this.isBlocked || !this.owesTooMuch || this.isSuspected) return;
    this.isSuspected = true;
    const drainsBefore = this.drains;
    setImmediate(() => setImmediate(() => this.judge(drainsBefore)));
  }

  /** The stream has come to its end: the connection may serve another request. */
  finish(): void {
    if (this.over.aborted) return;
    this.flush();
    this.ending.abort(OVER);
    this.raw.end();
  }

  /** Sends the client away with what it was sent so far. */
  dismiss(): void {
    if (this.over.aborted) return;
    this.flush();
    this.ending.abort(OVER);
    this.raw.end(() => this.raw.req.socket.destroySoon());
  }

  /** At once, whatever waits. */
  cut(): void {
    this.ending.abort(OVER);
    this.raw.destroy();
  }

  heartbeat(): void {
    if (this.over.aborted) return;
    if (!this.isBlocked) this.write(HEARTBEAT);
    else if (this.exceptedBytes === 0) this.blockedHeartbeats += 1;
    if (this.blockedHeartbeats >= limits.streamStalledHeartbeatsMax) this.cut();
  }

  /** Cuts what was ended some time ago and does not go. */
  tick(): void {
    if (!this.over.aborted) return;
    this.farewellTicks += 1;
    if (this.farewellTicks > limits.streamFarewellTicks) this.raw.destroy();
  }

  private judge(drainsBefore: number): void {
    this.isSuspected = false;
    if (this.drains === drainsBefore && this.owesTooMuch) this.cut();
  }

  private flush(): void {
    this.flushIsDue = false;
    const [first] = this.ready;
    if (!first || this.over.aborted) return;
    // A piece that goes alone is not copied: all who get it share it.
    const bytes = this.ready.length === 1 ? first : Buffer.concat(this.ready, this.readyBytes);
    this.ready = [];
    this.readyBytes = 0;
    if (bytes.length > limits.streamWaitingBytesMax) this.writeExcepted(bytes);
    else this.raw.write(bytes);
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.raw.off('drain', done);
        this.over.removeEventListener('abort', done);
        resolve();
      };
      this.raw.once('drain', done);
      this.over.addEventListener('abort', done);
    });
  }
}
