import { CommandClaims } from '../../src/adapters/eventstoredb/command-claims.js';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { startStandIn } from '../support/eventstore/stand-in.js';
import { type Hold, heldLog } from '../support/held-log.js';
import { startLogServer } from '../support/log-server.js';
import { logCommand } from '../support/log-switch.js';
import { MemoryCommandPlaces } from '../support/memory/memory-command-places.js';
import { eventLogContract } from './event-log.contract.js';

const traits = { recognisesRetries: false, claimsCommands: true, countsBacklogs: false };
const openAt = (url: string) => {
  const places = new MemoryCommandPlaces();
  // Held between the claim of a command's place and the append.
  return async (hold?: Hold) => new CommandClaims(heldLog(new EventStoreDbEventLog(serverAddress(url)), hold), places);
};

for (const reportsCaughtUp of [true, false]) {
  const version = reportsCaughtUp ? 'since 23.10' : 'before 23.10';
  const createStore = async () => {
    const standIn = await startStandIn({ reportsCaughtUp });
    return { open: openAt(standIn.url), destroy: () => standIn.stop() };
  };
  // In one process with the stand-in, which answers each append here too.
  const eventsAtOnce = reportsCaughtUp ? 5_000 : 1_000;
  const scope = reportsCaughtUp ? 'everything' : 'subscriptions';
  eventLogContract(`a stand-in for EventStoreDB ${version}`, createStore, { ...traits, eventsAtOnce }, scope);
}

// A real server, where a command is given that starts one.
const command = logCommand;
if (command !== undefined) {
  const createStore = async () => {
    const server = await startLogServer(command);
    return { open: openAt(server.url), destroy: () => server.stop() };
  };
  eventLogContract('EventStoreDB', createStore, traits);
}
