import { type Api, pathOf } from './api.js';
import { CommandFailed } from './failures.js';
import { visible } from './visible.js';

/** What the API says of projections, as far as it is shown here. */
export interface PrintedPoison {
  readonly reason: string;
  readonly event?: { readonly stream: string; readonly revision: number; readonly type: string };
}

export interface BuildStanding {
  readonly build: number;
  readonly version: number;
  readonly state: string;
  readonly position: string;
  readonly lag: {
    readonly events: number | null;
    readonly distance: number;
    readonly seconds: number;
    readonly estimated: boolean;
  };
  readonly handled: number;
  readonly poison: PrintedPoison | null;
}

export interface ProjectionStanding extends BuildStanding {
  readonly name: string;
  readonly parked: readonly {
    readonly stream: string;
    readonly poison: PrintedPoison;
    readonly at: string;
    readonly replaying: boolean;
  }[];
  readonly rebuild: BuildStanding | null;
}

export interface Standings {
  readonly items: readonly ProjectionStanding[];
}

export const standings = (api: Api): Promise<Standings> => api.get(pathOf('projections'));

export async function standingOf(api: Api, name: string): Promise<ProjectionStanding> {
  const { items } = await standings(api);
  const found = items.find((item) => item.name === name);
  if (found) return found;
  const names = items.map((item) => item.name).join(', ');
  throw new CommandFailed(visible(`There is no projection "${name}": there are ${names}`));
}

export function poisonText({ reason, event }: PrintedPoison): string {
  const isNamed = event === undefined || reason.includes(event.stream);
  return visible(isNamed ? reason : `${reason} (event ${event.revision} of ${event.stream}, ${event.type})`);
}
