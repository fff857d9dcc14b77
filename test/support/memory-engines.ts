import { DemoLanguageModel } from '../../src/adapters/demo/demo-language-model.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Engines } from '../../src/app/engines.js';
import { valueKeyEngine } from '../../src/app/value-keys.js';
import { listPrices } from '../../src/domain/list-prices.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner } from '../../src/formats/record-1/note.js';
import { SigningKeys } from '../../src/formats/record-1/signing-keys.js';
import { MemoryCensus } from './memory/memory-census.js';
import { MemoryCheckpoints } from './memory/memory-checkpoints.js';
import { MemoryCosignatures } from './memory/memory-cosignatures.js';
import { MemoryEventLog } from './memory/memory-event-log.js';
import { MemoryHints } from './memory/memory-hints.js';
import { MemoryKeptFolds } from './memory/memory-kept-folds.js';
import { MemoryKeys } from './memory/memory-keys.js';
import { MemoryLeases } from './memory/memory-leases.js';
import { MemoryMasterKeys } from './memory/memory-master-keys.js';
import { MemoryReadModels } from './memory/memory-read-models.js';
import { MemoryNotes, MemoryRecord } from './memory/memory-record.js';
import { MemoryValueKeys } from './memory/memory-value-keys.js';
import { memoryViews } from './memory/memory-views.js';
import { MemoryWork } from './memory/memory-work.js';

/** Everything that the product runs on, for as long as the process lives. */
export function memoryEngines(): Engines {
  const models = new MemoryReadModels();
  const log = new MemoryEventLog();
  const checkpoints = new MemoryCheckpoints();
  const record = new MemoryRecord(checkpoints);
  const census = new MemoryCensus(record);
  return {
    log,
    incarnations: ['first'],
    openLogAnew: async () => log,
    builds: models,
    buildStates: models,
    lanes: models,
    views: memoryViews(models),
    record,
    census,
    cosignatures: new MemoryCosignatures(record, census),
    witnesses: [],
    keptNotes: new MemoryNotes(),
    signingKeys: async () => new SigningKeys(new NoteSigner(sha256('the key of these engines'))),
    checkpoints,
    leases: new MemoryLeases(systemClock),
    hints: new MemoryHints(),
    keys: new MemoryKeys(),
    work: new MemoryWork(systemClock),
    keptFolds: new MemoryKeptFolds(),
    valueKeys: valueKeyEngine(new MemoryValueKeys(), new MemoryMasterKeys()),
    models: new Map([['demo', new DemoLanguageModel(systemClock)]]),
    prices: listPrices,
    logDescription: 'in memory',
    close: async () => {},
  };
}
