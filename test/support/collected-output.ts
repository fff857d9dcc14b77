import type { Output } from '../../src/cli/output.js';

/** Keeps what is written to it. */
export function collected(isTerminal = false): Output & { text(): string; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  return {
    isTerminal,
    write: async (text) => {
      chunks.push(Buffer.from(text));
    },
    text: () => Buffer.concat(chunks).toString(),
    bytes: () => Buffer.concat(chunks),
  };
}
