import { EventEmitter } from 'node:events';
import type { Hints } from '../../../src/ports/hints.js';

export class MemoryHints implements Hints {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  send(hint: string): void {
    this.emitter.emit(hint);
  }

  listen(hint: string, listener: () => void): () => void {
    this.emitter.on(hint, listener);
    return () => this.emitter.off(hint, listener);
  }
}
