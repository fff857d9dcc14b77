import type { ServerResponse } from 'node:http';
import type { Principal } from '../auth/principal.js';
import { limits } from '../limits.js';

export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies neither store, change nor buffer it.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** The reason of every abort. Without one, each abort would create an error with a stack. */
const OVER = 'over';
const HEARTBEAT = Buffer.from(':\n\n');

/**
 * The event stream to one client. All frames that are ready leave in one write. The bytes that the client has not taken
 * are bounded. `over` is aborted when the client has left or is disconnected.
 */
export class EventStream {
  private readonly ending = new AbortController();
  private ready: Buffer[] = [];
  private readyBytes = 0;
  private flushIsDue = false;
  /** Waiting bytes that do not count against the bound, because one frame may be larger than the bound. */
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
    // An error of a write is ignored: the `close` that follows ends the stream.
    raw.on('error', () => {});
    raw.once('close', () => this.ending.abort(OVER));
    if (raw.destroyed) this.ending.abort(OVER);
    else raw.writeHead(200, { ...STREAM_HEADERS, ...headers }).flushHeaders();
  }

  /** Aborted when the client has left or is disconnected. Nothing is written afterwards. */
  get over(): AbortSignal {
    return this.ending.signal;
  }

  get isGone(): boolean {
    return this.raw.destroyed;
  }

  /** Calls `then` once, when the connection is closed. */
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
      // At the end of this turn of the event loop: frames that become ready together leave together.
      process.nextTick(() => this.flush());
    }
  }

  /** Writes a frame that does not count against the bound, such as a snapshot. */
  writeExcepted(frame: Buffer): void {
    if (this.over.aborted) return;
    this.flush();
    this.exceptedBytes += frame.length;
    this.raw.write(frame, () => {
      this.exceptedBytes -= frame.length;
    });
  }

  /** True if the client has to take bytes before more are written. */
  get isFull(): boolean {
    return this.readyBytes + this.raw.writableLength >= limits.streamWriteBytesMax;
  }

  /** Resolves when the client has taken the bytes that were written, or is gone. */
  async room(): Promise<void> {
    this.flush();
    this.isBlocked = true;
    while (this.isFull && !this.over.aborted) await this.drained();
    this.isBlocked = false;
    this.drains += 1;
    this.blockedHeartbeats = 0;
  }

  /**
   * Reports how many more bytes wait for this client outside the stream, and cuts a client that exceeds the bound. A burst
   * can exceed it before the client could read, so the client is judged a moment later.
   */
  awaits(elsewhereBytes: number): void {
    const hereBytes = this.readyBytes + this.raw.writableLength - this.exceptedBytes;
    this.owesTooMuch = hereBytes + elsewhereBytes > limits.streamWaitingBytesMax;
    if (!this.isBlocked || !this.owesTooMuch || this.isSuspected) return;
    this.isSuspected = true;
    const drainsBefore = this.drains;
    setImmediate(() => setImmediate(() => this.judge(drainsBefore)));
  }

  /** Ends the response. The connection may serve another request. */
  finish(): void {
    if (this.over.aborted) return;
    this.flush();
    this.ending.abort(OVER);
    this.raw.end();
  }

  /** Sends the frames that are ready and closes the connection. */
  dismiss(): void {
    if (this.over.aborted) return;
    this.flush();
    this.ending.abort(OVER);
    this.raw.end(() => this.raw.req.socket.destroySoon());
  }

  /** Closes the connection at once and drops all waiting bytes. */
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

  /** Destroys a connection that was ended some ticks ago and is still open. */
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
    // A single frame is not copied: all feeds share its buffer.
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

/** Writes frames to a client no faster than the client takes them, until either of the two ends. */
export async function pour(stream: EventStream, frames: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const frame of frames) {
      stream.write(frame);
      if (stream.isFull) await stream.room();
    }
    stream.finish();
  } catch (error) {
    // The head is sent, so only a broken connection can report the error. The client can resume.
    stream.cut();
    throw error;
  }
}
