import type { Writable } from 'node:stream';
import { ReaderGone } from './failures.js';

export interface Output {
  readonly isTerminal: boolean;
  /** Resolves when the text is written, so that a slow reader slows the command down instead of filling its memory. */
  write(text: string | Uint8Array): Promise<void>;
}

export function outputTo(stream: Writable & { readonly isTTY?: boolean }): Output {
  // The failed write reports the error. Without a listener the event would end the process.
  stream.on('error', () => {});
  return {
    isTerminal: stream.isTTY === true,
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(goneOr(error)) : resolve()));
      }),
  };
}

function goneOr(error: NodeJS.ErrnoException): Error {
  const isGone = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
  return isGone ? new ReaderGone() : new Error('the output cannot be written', { cause: error });
}

export const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`;
