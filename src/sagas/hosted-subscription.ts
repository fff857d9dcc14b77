import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { SubscriptionRunner } from './subscription-runner.js';

/** A subscription that runs as long as the application does. Its stores are closed after it has stopped. */
export class HostedSubscription implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly runner: SubscriptionRunner) {}

  onApplicationBootstrap(): void {
    this.runner.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runner.stop();
  }
}
