import type { CensusQueries } from '../../../src/ports/census.js';
import type { Cosignature, Cosignatures, WantedCosignatures } from '../../../src/ports/cosignatures.js';
import type { RecordStore } from '../../../src/ports/record.js';

export class MemoryCosignatures implements Cosignatures {
  private readonly kept = new Map<string, Cosignature>();

  constructor(
    private readonly record: Pick<RecordStore, 'tenants' | 'load' | 'entryOfEvent'>,
    private readonly census: Pick<CensusQueries, 'state'>,
  ) {}

  async add(cosignature: Cosignature): Promise<void> {
    const { origin, size, witness } = cosignature;
    const key = `${origin} ${size} ${witness}`;
    const before = this.kept.get(key);
    this.kept.set(key, before ? { ...before, line: cosignature.line, at: cosignature.at } : cosignature);
  }

  async lines(origin: string, size: number): Promise<readonly string[]> {
    return this.of(origin)
      .filter((each) => each.size === size)
      .sort((one, other) => (one.witness < other.witness ? -1 : 1))
      .map(({ line }) => line);
  }

  async lastNote(origin: string): Promise<string | undefined> {
    const last = this.of(origin).sort((one, other) => other.size - one.size)[0];
    return last && last.note + (await this.lines(origin, last.size)).join('');
  }

  async lastSize(origin: string, witness: string): Promise<number | undefined> {
    return this.last(origin, witness)?.size;
  }

  async due({ witness, originPrefix, cosignedBefore, tenantsMax }: WantedCosignatures): Promise<readonly string[]> {
    const { trees } = await this.record.load({
      ...{ tenants: await this.record.tenants(), chains: [], owners: [], streams: [] },
    });
    const found: { tenant: string; at: string }[] = [];
    for (const { tenant, size } of trees) {
      const last = this.last(originPrefix + tenant, witness);
      const event = (await this.census.state(tenant))?.event;
      const index = event === undefined ? -1 : ((await this.record.entryOfEvent(tenant, event))?.index ?? -1);
      const isDue = !last || (size > last.size && (last.at < cosignedBefore || index >= last.size));
      if (isDue) found.push({ tenant, at: last?.at ?? '' });
    }
    const inOrder = found.sort((one, other) => (one.at + one.tenant < other.at + other.tenant ? -1 : 1));
    return inOrder.slice(0, tenantsMax).map(({ tenant }) => tenant);
  }

  private last(origin: string, witness: string): Cosignature | undefined {
    return this.of(origin)
      .filter((each) => each.witness === witness)
      .sort((one, other) => other.size - one.size)[0];
  }

  private of(origin: string): Cosignature[] {
    return [...this.kept.values()].filter((each) => each.origin === origin);
  }
}
