import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, Reflector } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { systemClock } from './adapters/system/system-clock.js';
import { systemIds } from './adapters/system/system-ids.js';
import { Authenticator } from './auth/authenticator.js';
import { CachedKeys } from './auth/cached-keys.js';
import { KeyMint } from './auth/key-mint.js';
import { RoleGuard } from './auth/role.guard.js';
import { CreateTenantHandler } from './commands/create-tenant.js';
import { IssueKeyHandler } from './commands/issue-key.js';
import { OpenDefaultTenantHandler } from './commands/open-default-tenant.js';
import { RevokeKeyHandler } from './commands/revoke-key.js';
import type { TenantParts } from './commands/transact-tenant.js';
import type { Config } from './config.js';
import type { Engines } from './engines.js';
import { createCodec } from './events/codec.js';
import { HealthController } from './http/health.controller.js';
import { KeysController } from './http/keys.controller.js';
import { MeController } from './http/me.controller.js';
import { ProblemFilter } from './http/problem.filter.js';
import { Readiness } from './http/readiness.js';
import { RequestValidationPipe } from './http/request-validation.pipe.js';
import { TenantsController } from './http/tenants.controller.js';
import { ListKeysHandler } from './projections/queries/list-keys.js';
import { recordKeys } from './projections/record-keys.js';
import { HostedSubscription } from './sagas/hosted-subscription.js';
import { type RunnerParts, SubscriptionRunner } from './sagas/subscription-runner.js';

@Module({})
class AppModule {}

/** Puts the parts together. Handlers are plain classes: what they get stands here, not in decorators. */
export function appModule(engines: Engines, config: Config): DynamicModule {
  const { log } = engines;
  const keys = new CachedKeys(engines.keys, systemClock);
  const tenant: TenantParts = { log, codec: createCodec(), clock: systemClock, ids: systemIds, keys };
  const runner: RunnerParts = { ...engines, clock: systemClock, holder: systemIds.random(), leaseMs: config.leaseMs };
  return {
    module: AppModule,
    imports: [CqrsModule.forRoot()],
    controllers: [HealthController, KeysController, MeController, TenantsController],
    providers: [
      { provide: APP_FILTER, useFactory: () => new ProblemFilter() },
      { provide: APP_PIPE, useFactory: () => new RequestValidationPipe() },
      { provide: APP_GUARD, useFactory: (reflector: Reflector) => new RoleGuard(reflector), inject: [Reflector] },
      { provide: Readiness, useFactory: () => new Readiness(() => log.head()) },
      { provide: Authenticator, useFactory: () => new Authenticator(keys) },
      { provide: KeyMint, useFactory: () => new KeyMint(systemIds) },
      { provide: OpenDefaultTenantHandler, useFactory: () => new OpenDefaultTenantHandler(tenant) },
      { provide: CreateTenantHandler, useFactory: () => new CreateTenantHandler(tenant) },
      { provide: IssueKeyHandler, useFactory: () => new IssueKeyHandler(tenant) },
      { provide: RevokeKeyHandler, useFactory: () => new RevokeKeyHandler(tenant) },
      { provide: ListKeysHandler, useFactory: () => new ListKeysHandler(keys) },
      ...(config.roles.includes('projections') ? projectionsOf(tenant, runner) : []),
    ],
  };
}

/** The subscriptions that keep the read side up to date, one owner at a time among all nodes. */
function projectionsOf({ codec, keys }: TenantParts, parts: RunnerParts): Provider[] {
  const subscription = { name: 'keys', filter: { categories: ['tenant'] }, handle: recordKeys(codec, keys) };
  const hosted = () => new HostedSubscription(new SubscriptionRunner(subscription, parts));
  return [{ provide: 'subscription keys', useFactory: hosted }];
}
