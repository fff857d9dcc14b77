import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { startLogServer } from '../support/log-server.js';
import { newDelta, newStream } from '../support/new-events.js';
import { programOf } from '../support/programs.js';

const root = join(import.meta.dirname, '..', '..');
const PROGRAM = 'EventStore.ClusterNode';

/** The program that an image would hold: the stand-in, which finds its port among the options of the real server. */
const PROGRAM_TEXT = `#!/usr/bin/env bash
for name in "\${!EVENTSTORE_@}"; do [ "$name" = EVENTSTORE_TELEMETRY_OPTOUT ] || exit 64; done
while [ "$1" != --node-port ]; do shift; done
exec "${process.execPath}" "${programOf('stand-in-process')}" "$2"
`;

/** An image that must be pulled before it can be inspected. */
const DOCKER_TEXT = `#!/usr/bin/env bash
folder=$(dirname "$0")
echo "$*" >>"$folder/docker.log"
case $1 in
  image) [ -e "$folder/pulled" ] && echo /opt/server/${PROGRAM} ;;
  pull) touch "$folder/pulled" ;;
  create) echo c0ffee ;;
  cp) cp "$folder/${PROGRAM}" "$3" ;;
esac
`;

const NPM_TEXT = `#!/usr/bin/env bash
printf '%s\\n%s\\n%s' "$TEST_LOG" "$*" "$TEST_LOG_COMMAND" >"$(dirname "$0")/npm.log"
exit "\${NPM_EXIT:-0}"
`;

describe('infra/eventstoredb/test.sh', () => {
  let folder: string;
  let bin: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verbatim-script-'));
    bin = join(folder, 'bin');
    await mkdir(bin);
    await cp(join(root, 'infra', 'eventstoredb'), join(folder, 'infra', 'eventstoredb'), { recursive: true });
    for (const [name, text] of Object.entries({ docker: DOCKER_TEXT, npm: NPM_TEXT, [PROGRAM]: PROGRAM_TEXT })) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  const run = (settings: Record<string, string> = {}) =>
    promisify(execFile)('bash', [join(folder, 'infra', 'eventstoredb', 'test.sh'), 'an/image:1'], {
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, ...settings },
    });
  const linesOf = async (name: string) => (await readFile(join(bin, name), 'utf8')).trim().split('\n');

  it('copies the server out of the image and gives the tests a command that starts it', async () => {
    await run();
    const inspected = 'image inspect an/image:1 --format {{index .Config.Entrypoint 0}}';
    const copied = `cp c0ffee:/opt/server/. ${join(folder, 'infra', 'eventstoredb', 'server')}/`;
    expect(await linesOf('docker.log')).toEqual([
      inspected,
      'pull --quiet an/image:1',
      inspected,
      'create an/image:1',
      copied,
      'rm c0ffee',
    ]);
    const [log, tests, command = ''] = await linesOf('npm.log');
    expect([log, tests]).toEqual(['eventstoredb', 'test -- --selectProjects contracts e2e faults']);
    // A server takes every variable of this prefix for an option and refuses the ones that it does not know.
    const server = await startLogServer(`env EVENTSTORE_UNKNOWN=1 ${command}`);
    const opened = new EventStoreDbEventLog(serverAddress(server.url));
    expect(await opened.append(newStream(), 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    await opened.close();
    await server.stop();
  });

  it('fails when the tests fail, and removes the container', async () => {
    await rm(join(bin, 'docker.log'), { force: true });
    await expect(run({ NPM_EXIT: '7' })).rejects.toMatchObject({ code: 7 });
    expect((await linesOf('docker.log')).at(-1)).toBe('rm c0ffee');
  });
});
