import { join } from 'node:path';
import { NoteSigner } from '../../formats/record-1/note.js';
import { openSeed } from './seed-file.js';

/** The key that signs the record: of the setting, or of the file `record.key`, which the first start creates. */
export async function openRecordKey(dataDir: string, setting: string | undefined): Promise<NoteSigner> {
  return new NoteSigner(
    setting === undefined ? await openSeed(join(dataDir, 'record.key')) : Buffer.from(setting, 'base64'),
  );
}
