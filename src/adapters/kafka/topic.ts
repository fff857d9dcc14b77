import type { Admin } from 'kafkajs';
import { limits } from '../../limits.js';
import { RetryableError, TerminalError } from '../../ports/errors.js';
import { hasName } from './failures.js';

/** Creates the topic if it is missing. An existing topic must have the configured number of partitions. */
export async function ensureTopic(admin: Admin, topic: string): Promise<void> {
  const expected = limits.relayPartitions;
  const partitions = (await partitionsOf(admin, topic)) ?? (await created(admin, topic));
  if (partitions === expected) return;
  const counts = `topic ${topic} has ${partitions} partitions, and must have ${expected}`;
  throw new TerminalError(`${counts}: with others, conversations would lose their order`);
}

async function created(admin: Admin, topic: string): Promise<number> {
  const { brokers } = await admin.describeCluster();
  const replicas = Math.min(limits.relayReplicasMax, brokers.length);
  const settings = {
    'cleanup.policy': 'delete',
    'max.message.bytes': limits.relayTopicMessageBytesMax,
    'min.insync.replicas': Math.max(1, replicas - 1),
    'unclean.leader.election.enable': false,
  };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
  const shape = { topic, numPartitions: limits.relayPartitions, replicationFactor: replicas, configEntries };
  await admin.createTopics({ topics: [shape], timeout: limits.relayAcknowledgeMs, waitForLeaders: true });
  // Another program may have created it at the same time, with other settings.
  const partitions = await partitionsOf(admin, topic);
  if (partitions === undefined) throw new RetryableError(`Kafka has not made topic ${topic} yet`);
  return partitions;
}

async function partitionsOf(admin: Admin, topic: string): Promise<number | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics.find(({ name }) => name === topic)?.partitions.length;
  } catch (error) {
    if (hasName(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return undefined;
    throw error;
  }
}
