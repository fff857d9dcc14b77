import type { EventStream } from './event-stream.js';

/** Lets what comes flow to a client, as fast as the client takes it and no faster, until one of the two ends. */
export async function pour(stream: EventStream, frames: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const frame of frames) {
      stream.write(frame);
      if (stream.isFull) await stream.room();
    }
    stream.finish();
  } catch (error) {
    // Its head is out: the only way to tell the client is to break off. It can resume.
    stream.cut();
    throw error;
  }
}
