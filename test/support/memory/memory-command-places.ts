import type { ClaimedPlace, CommandPlaces } from '../../../src/ports/command-places.js';
import type { CommandPlace } from '../../../src/ports/event-log.js';

export class MemoryCommandPlaces implements CommandPlaces {
  private readonly places = new Map<string, CommandPlace>();

  async claim(command: string, { stream, revision }: CommandPlace): Promise<ClaimedPlace> {
    const recorded = this.places.get(command);
    if (recorded) return { ...recorded, isNew: false };
    this.places.set(command, { stream, revision });
    return { stream, revision, isNew: true };
  }

  async find(command: string): Promise<CommandPlace | undefined> {
    return this.places.get(command);
  }
}
