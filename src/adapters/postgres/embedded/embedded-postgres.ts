import { access, constants, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveTo } from './account.js';
import { provideBinaries } from './binaries.js';
import { provideCluster } from './cluster.js';
import { CannotStartPostgres } from './errors.js';
import { clearLeftOver } from './left-over.js';
import { takeOwnership } from './ownership.js';
import { placeCluster, refuseAnothers } from './placement.js';
import { ServerProcess, type ServerSpecification } from './server-process.js';
import { serverPort, tunedSettings } from './settings.js';
import { makeShortDirectory } from './short-path.js';
import { type RunningServer, Supervisor } from './supervisor.js';

export { CannotStartPostgres, DataDirectoryInUse } from './errors.js';

/** After a kill -9 of the postmaster its children keep shared memory until they notice. */
const survivorsDeadlineMs = 30_000;
const survivorsPollMs = 200;

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly settings?: Record<string, string>;
  readonly onNotice: (text: string) => void;
}

export interface EmbeddedPostgres {
  readonly connection: {
    /** The directory of the unix socket. */
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    /** Set explicitly, because otherwise PGSSLMODE of the environment would apply. */
    readonly ssl: false;
  };
  /** The directory of the cluster. */
  readonly directory: string;
  /** True if it is not below the data directory. */
  readonly relocated: boolean;
  /** The process id of the server that was ready last. */
  postmasterPid(): number;
  /** Resolves when PostgreSQL is gone and the data directory is free. Every call is the same stop. */
  stop(): Promise<void>;
}

/**
 * Runs the PostgreSQL that npm installed, for this process alone, on `<dataDir>/postgres`, and keeps it running.
 * The data directory belongs to this process until `stop`, or until it dies.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const undo: (() => Promise<void>)[] = [];
  const unwind = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const { onNotice } = options;
    const dataDir = await usableDirectory(options.dataDir);
    // First, because another process may own the directory.
    undo.push((await takeOwnership(dataDir)).release);
    const placement = await placeCluster(dataDir);
    if (placement.relocated) {
      // A copy of the data directory leads to the same place.
      undo.push((await takeOwnership(placement.home)).release);
      onNotice(`PostgreSQL keeps the data of ${dataDir} in ${placement.home}, which the user it runs as can reach.`);
    }
    const binaries = await provideBinaries(placement.account);
    const cluster = await provideCluster(binaries, placement);

    // It may take seconds, and a kill during that time must not leave a socket directory behind.
    await clearLeftOver(cluster, onNotice);
    const socketDirectory = await makeShortDirectory(placement.account);
    undo.push(() => rm(socketDirectory, { recursive: true, force: true }));
    await giveTo(placement.account, socketDirectory);

    // If its guardian was killed, PostgreSQL may outlive the stop. The directory must not be free before it has ended.
    undo.push(() => clearLeftOver(cluster, onNotice));
    const specification: ServerSpecification = {
      postgres: binaries.postgres,
      account: placement.account,
      cluster,
      socketDirectory,
      settings: { ...tunedSettings, ...options.settings },
      onNotice,
    };
    const supervisor = await Supervisor.start((cancelled) => bringUp(specification, cancelled), onNotice);
    undo.push(() => supervisor.stop());

    let stopped: Promise<void> | undefined;
    return {
      connection: { host: socketDirectory, port: serverPort, user: 'postgres', database: 'postgres', ssl: false },
      directory: cluster,
      relocated: placement.relocated,
      postmasterPid: () => supervisor.pid,
      stop: () => {
        stopped ??= unwind();
        return stopped;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

/** The real path, because it is compared with the command lines of processes. */
async function usableDirectory(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return await realpath(dataDir);
  } catch (cause) {
    // A directory that root has created at a start is also closed to other users.
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') await refuseAnothers(dataDir).catch(unlessUnseen);
    throw new CannotStartPostgres(`Cannot keep data in ${dataDir}: ${(cause as Error).message}`, { cause });
  }
}

/** The owner of the data is known only if the directory can be read. */
function unlessUnseen(error: unknown): void {
  if (error instanceof CannotStartPostgres) throw error;
}

async function bringUp(specification: ServerSpecification, cancelled: AbortSignal): Promise<RunningServer> {
  const deadline = performance.now() + survivorsDeadlineMs;
  while (true) {
    await clearLeftOver(specification.cluster, specification.onNotice);
    await removeSocketOf(specification.socketDirectory);
    const server = new ServerProcess(specification);
    try {
      await server.ready(cancelled);
      return server;
    } catch (error) {
      const survivors = (error as Error).message.includes('pre-existing shared memory block');
      if (!survivors || cancelled.aborted || performance.now() > deadline) throw error;
      await sleep(survivorsPollMs);
    }
  }
}

/** Removes the socket and lock of a killed postmaster. PostgreSQL would not start if another process has its pid now. */
async function removeSocketOf(socketDirectory: string): Promise<void> {
  for (const name of await readdir(socketDirectory)) await rm(join(socketDirectory, name), { force: true });
}
