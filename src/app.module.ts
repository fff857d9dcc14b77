import { type DynamicModule, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { systemClock } from './adapters/system/system-clock.js';
import { systemIds } from './adapters/system/system-ids.js';
import { OpenDefaultTenantHandler } from './commands/open-default-tenant.js';
import type { TransactionParts } from './commands/transact.js';
import type { Engines } from './engines.js';
import { createCodec } from './events/codec.js';
import { HealthController } from './http/health.controller.js';
import { Readiness } from './http/readiness.js';

@Module({})
class AppModule {}

/** Puts the parts together. Handlers are plain classes: what they get stands here, not in decorators. */
export function appModule({ log }: Engines): DynamicModule {
  const transaction: TransactionParts = { log, codec: createCodec(), clock: systemClock, ids: systemIds };
  return {
    module: AppModule,
    imports: [CqrsModule.forRoot()],
    controllers: [HealthController],
    providers: [
      { provide: Readiness, useFactory: () => new Readiness(() => log.head()) },
      { provide: OpenDefaultTenantHandler, useFactory: () => new OpenDefaultTenantHandler(transaction) },
    ],
  };
}
