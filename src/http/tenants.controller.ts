import { Body, Controller, ForbiddenException, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiCreatedResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { KeyMint } from '../auth/key-mint.js';
import { RequireRole } from '../auth/role.guard.js';
import { CreateTenant } from '../commands/create-tenant.js';
import { DEFAULT_TENANT } from '../commands/open-default-tenant.js';
import type { Caller } from '../commands/origin.js';
import { CurrentCaller } from './caller.js';
import { IsName } from './fields.js';
import { ApiProblems, OF_A_BODY } from './problems.js';
import { Shows } from './sight.js';

class CreateTenantBody {
  @IsName('Display name. Two tenants may have the same name.')
  name!: string;
}

class CreatedTenant {
  @ApiProperty()
  id!: string;

  @ApiProperty({
    description: 'The key of the first administrator. Only this answer shows it.',
    example: 'vb_<id>_<secret>',
  })
  key!: string;
}

@ApiTags('Authentication')
@ApiBearerAuth()
@RequireRole('admin')
@Shows('nothing')
@Controller('api/v1/tenants')
export class TenantsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly mint: KeyMint,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Create a tenant. Requires an administrator of the default tenant.' })
  @ApiCreatedResponse({ type: CreatedTenant })
  @ApiProblems(...OF_A_BODY, 'value_refused', 'text_malformed', 'log_unavailable')
  async create(@CurrentCaller() caller: Caller, @Body() { name }: CreateTenantBody): Promise<CreatedTenant> {
    if (caller.tenant !== DEFAULT_TENANT) throw new ForbiddenException();
    const { id: keyId, text, secretSha256 } = this.mint.mint();
    const key = { keyId, user: 'admin', role: 'admin', name: 'first key', secretSha256 } as const;
    const { id } = await this.commands.execute(new CreateTenant(caller, name, key));
    return { id, key: text };
  }
}
