import type { RecordedChannel } from '../domain/generation.js';

/**
 * Numbers the blocks of an answer as its pieces come. A block is text of one channel, up to the next text of another
 * channel; each tool call is a block. Unknown fields belong to the block in which they came.
 */
export class BlockNumbers {
  private count = 0;
  private current: { readonly channel: RecordedChannel; readonly block: number } | undefined;
  private readonly calls = new Map<number, number>();

  of(channel: RecordedChannel, call = 0): number {
    if (channel === 'other') return this.current?.block ?? 0;
    if (channel === 'tool') return this.ofCall(call);
    return this.current?.channel === channel ? this.current.block : this.next(channel);
  }

  private ofCall(call: number): number {
    const block = this.calls.get(call) ?? this.next('tool');
    this.calls.set(call, block);
    this.current = { channel: 'tool', block };
    return block;
  }

  private next(channel: RecordedChannel): number {
    const block = this.count;
    this.count += 1;
    this.current = { channel, block };
    return block;
  }
}
