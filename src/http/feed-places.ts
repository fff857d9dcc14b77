import { HttpException, HttpStatus } from '@nestjs/common';
import type { Principal } from '../auth/principal.js';

/** Counts the live feeds of each user in this process, and refuses one beyond the limit. */
export class FeedPlaces {
  private readonly ofUsers = new Map<string, number>();

  constructor(private readonly perUserMax: number) {}

  /** Returns a function that gives the place back. */
  enter({ tenant, user }: Principal): () => void {
    const who = JSON.stringify([tenant, user]);
    const open = this.ofUsers.get(who) ?? 0;
    if (open >= this.perUserMax) throw new HttpException('too many feeds', HttpStatus.TOO_MANY_REQUESTS);
    this.ofUsers.set(who, open + 1);
    return () => {
      const left = (this.ofUsers.get(who) ?? 1) - 1;
      if (left > 0) this.ofUsers.set(who, left);
      else this.ofUsers.delete(who);
    };
  }
}
