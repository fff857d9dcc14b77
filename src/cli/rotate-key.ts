import { publicKeyIn } from '../formats/record-1/note.js';
import { notHandedOver } from '../notary/key-rotation.js';
import { NOTARY } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import type { CommandParts, JsonOption } from './command-parts.js';
import { CommandFailed, UsageError } from './failures.js';
import type { OpenedRecord } from './opened-log.js';
import { jsonLine } from './output.js';

export interface RotateOptions extends JsonOption {
  readonly lost?: string;
}

const DONE =
  'The record is signed with a new key. GET /api/v1/record/key names it, and where the earlier ones ended.\n';

/**
 * Each step can be repeated: a command that was interrupted goes on when it is run again. The earlier key keeps its seed until every
 * last note has the signature of the new one.
 */
export async function rotateKey(parts: CommandParts, { record }: OpenedRecord, options: RotateOptions): Promise<void> {
  const file = await parts.recordKeyFile();
  const lost = options.lost === undefined ? undefined : publicKeyIn(options.lost);
  if (options.lost !== undefined && !lost)
    throw new UsageError('--lost: not a verifier key, as GET /record/key shows it');
  const { present } = lost ? await file.lost(lost.publicKey) : await file.begin();
  // The next owner reads the file.
  await record.endOwner(NOTARY);
  let left = await notHandedOver(record, present, await record.tenants());
  const { clock } = parts;
  for (
    const untilMs = clock.monotonic() + recordLimits.recordKeyWaitMs;
    left.length > 0 && clock.monotonic() < untilMs;
  ) {
    await clock.sleep(recordLimits.recordKeyLookMs);
    left = await notHandedOver(record, present, left);
  }
  if (left.length > 0) {
    throw new CommandFailed(
      `The new key has not signed ${left.length} trees yet, the first of ${left[0]}. A running server signs them, apart from ` +
        'those that it reports as not signed. Then run this command again: until then both keys are needed',
    );
  }
  await file.finish();
  await parts.out.write(options.json ? jsonLine({ rotated: true }) : DONE);
}
