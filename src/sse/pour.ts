import type { EventStream } from './event-stream.js';

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
