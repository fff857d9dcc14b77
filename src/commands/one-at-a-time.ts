/**
 * Lets what is done about the same thing wait for its turn. Writers of one stream would else all decide on the same
 * state, and all but one of them in vain.
 */
export class OneAtATime {
  private readonly last = new Map<string, Promise<unknown>>();

  async run<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.last.get(name);
    const acting = before ? before.then(act, act) : act();
    this.last.set(name, acting);
    try {
      return await acting;
    } finally {
      if (this.last.get(name) === acting) this.last.delete(name);
    }
  }
}
