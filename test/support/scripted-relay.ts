import { RetryableError } from '../../src/ports/errors.js';
import type { RelayConnection, RelayDestination, RelayMessage } from '../../src/ports/relay.js';

/** The fate of a send: kept or not, and with or without an answer. */
export type Fate = 'acknowledged' | 'lost' | 'kept, but no answer' | Error;

export interface Kept extends RelayMessage {
  readonly partition: number;
}

/** A system that keeps what it is given, and does with each send and each connection what a test says. */
export class ScriptedRelay implements RelayDestination {
  readonly name = 'script';
  /** All that it has, in the order in which it came. */
  readonly kept: Kept[] = [];
  connections = 0;
  open = 0;
  sends = 0;
  beforeConnect: () => void | Promise<void> = () => {};
  fateOf: (partition: number, messages: readonly RelayMessage[]) => Fate | Promise<Fate> = () => 'acknowledged';

  constructor(readonly partitions = 3) {}

  async connect(): Promise<RelayConnection> {
    await this.beforeConnect();
    this.connections += 1;
    this.open += 1;
    return {
      partitions: this.partitions,
      send: (partition, messages) => this.take(partition, messages),
      close: async () => {
        this.open -= 1;
      },
    };
  }

  ids(): string[] {
    return this.kept.map(({ headers }) => String(headers.ce_id));
  }

  private async take(partition: number, messages: readonly RelayMessage[]): Promise<void> {
    this.sends += 1;
    const fate = await this.fateOf(partition, messages);
    if (fate instanceof Error) throw fate;
    if (fate !== 'lost') this.kept.push(...messages.map((message) => ({ ...message, partition })));
    if (fate !== 'acknowledged') throw new RetryableError(fate);
  }
}

/** What is left for a reader that drops, in each partition, what is not after all that it has seen. */
export function seenOnce(kept: readonly Kept[]): Kept[] {
  const highest = new Map<number, string>();
  return kept.filter(({ partition, headers }) => {
    const position = String(headers.ce_position);
    const isNew = position > (highest.get(partition) ?? '');
    if (isNew) highest.set(partition, position);
    return isNew;
  });
}
