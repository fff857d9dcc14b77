import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { RoleGuard } from '../auth/role.guard.js';
import type { Config } from '../config.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { QueryGuard } from '../http/query.guard.js';
import { RequestValidationPipe } from '../http/request-validation.pipe.js';
import { SightGuard } from '../http/sight.js';
import { AccessModule } from './access.module.js';
import { ApiRoleModule } from './api.module.js';
import { ConversationsModule, SagaRoleModule } from './conversations.module.js';
import type { Engines } from './engines.js';
import { MasterKeyRoleModule } from './master-key.module.js';
import { NotaryModule } from './notary.module.js';
import { PortsModule, type Telemetry } from './ports.module.js';
import { ProjectionsRoleModule, ReadModelsModule } from './read-models.module.js';
import { RelayModule, RelayRoleModule } from './relay.module.js';
import { TenantsModule } from './tenants.module.js';

/**
 * The root module: the subjects that every process has, and a module for each role. Nest starts a module after those that it
 * imports, and stops it before them. Modules of the same depth start in the order of this list, and stop in the reverse order:
 * so the API ends its streams before the saga waits for open answers.
 */
@Module({
  providers: [
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_PIPE, useClass: RequestValidationPipe },
    { provide: APP_GUARD, useClass: RoleGuard },
    { provide: APP_GUARD, useClass: QueryGuard },
    { provide: APP_GUARD, useClass: SightGuard },
  ],
})
export class AppModule {
  static of(engines: Engines, config: Config, telemetry: Telemetry): DynamicModule {
    const having = (role: Config['roles'][number], module: Type): Type[] =>
      config.roles.includes(role) ? [module] : [];
    return {
      module: AppModule,
      imports: [
        CqrsModule.forRoot(),
        PortsModule.of(engines, config, telemetry),
        TenantsModule,
        AccessModule,
        ConversationsModule,
        ReadModelsModule,
        ...having('projections', ProjectionsRoleModule),
        ...having('projections', NotaryModule),
        ...having('projections', MasterKeyRoleModule),
        ...(config.kafka ? [RelayModule, ...having('relay', RelayRoleModule)] : []),
        ...having('saga', SagaRoleModule),
        ...having('api', ApiRoleModule),
      ],
    };
  }
}
