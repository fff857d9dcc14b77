import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Key, KeyRole, Keys } from '../../ports/keys.js';
import type { PageEnd } from '../../ports/read-models/questions.js';
import type { ListCoverage } from '../queries/list-coverage.js';
import { type Paged, pageEndIn, pageOf } from '../queries/pages.js';
import { access } from './projection.js';
import type { LookRow, NamedThing } from './rows.js';

interface AccessFilters {
  readonly actor?: string | undefined;
  readonly owner?: string | undefined;
  /** The id of a conversation, a run or another object. Looks at parts of it count too. */
  readonly object?: string | undefined;
  /** From then on, and before then. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface AccessAsked extends AccessFilters {
  readonly tenant: string;
  readonly before?: PageEnd | undefined;
  readonly rowsMax: number;
}

export interface AccessQueries {
  list(asked: AccessAsked): Promise<readonly LookRow[]>;
}

/** A look as the trail shows it. */
export interface ShownLook {
  readonly at: string;
  readonly actor: string;
  /** Of the key. Null: the actor had none. */
  readonly role: KeyRole | null;
  readonly what: string;
  readonly owner: string | null;
  readonly objects: readonly NamedThing[];
  readonly filters: Readonly<Record<string, unknown>> | null;
  readonly purpose: string | null;
}

/** An event of an access stream that the list has to show. */
export interface LeastRecorded {
  readonly stream: string;
  readonly revision: number;
}

/** Who looked at data of others, the latest first. */
export class ListAccess extends Query<Paged<ShownLook>> {
  constructor(
    readonly tenant: string,
    readonly asked: AccessFilters & { readonly limit: number; readonly before?: string | undefined },
    readonly least: LeastRecorded | undefined,
  ) {
    super();
  }
}

@QueryHandler(ListAccess)
export class ListAccessHandler implements IQueryHandler<ListAccess> {
  constructor(
    private readonly views: AccessQueries,
    private readonly keys: Pick<Keys, 'findAll'>,
    private readonly coverage: Pick<ListCoverage, 'require'>,
  ) {}

  async execute({ tenant, asked, least }: ListAccess): Promise<Paged<ShownLook>> {
    const { limit, before: token, ...filters } = asked;
    const before = token === undefined ? undefined : pageEndIn(token);
    if (least) await this.coverage.require(access, { conversation: least.stream, place: placeOf(least) });
    const rows = await this.views.list({ tenant, ...filters, before, rowsMax: limit + 1 });
    const keys = await this.keys.findAll([...new Set(rows.flatMap(keyOf))]);
    const known = new Map(keys.map((key) => [key.id, key]));
    return pageOf(
      rows,
      limit,
      ({ at, id }) => ({ at, id }),
      (row) => shown(row, known),
    );
  }
}

const placeOf = ({ revision }: LeastRecorded) => ({ ledger: revision + 1, tape: 0 });

const keyOf = ({ via }: LookRow): string[] => (via?.kind === 'key' ? [via.id] : []);

/** The role of a key never changes. */
function shown(row: LookRow, keys: ReadonlyMap<string, Key>): ShownLook {
  const { at, actor, what, owner, objects, filters, purpose } = row;
  const [key = ''] = keyOf(row);
  return { at, actor: actor.id, role: keys.get(key)?.role ?? null, what, owner, objects, filters, purpose };
}
