import type { CommandPlaces } from '../../ports/command-places.js';

export class MemoryCommandPlaces implements CommandPlaces {
  private readonly places = new Map<string, string>();

  async claim(commandId: string, conversation: string): Promise<string> {
    return this.put(commandId, this.places.get(commandId) ?? conversation);
  }

  async find(commandId: string): Promise<string | undefined> {
    return this.places.get(commandId);
  }

  async move(commandId: string, from: string, to: string): Promise<string> {
    const standing = this.places.get(commandId) ?? from;
    return this.put(commandId, standing === from ? to : standing);
  }

  private put(commandId: string, conversation: string): string {
    this.places.set(commandId, conversation);
    return conversation;
  }
}
