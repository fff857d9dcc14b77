import { Body, Controller, Delete, Get, HttpCode, HttpStatus, NotFoundException, Param, Post } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { KeyMint } from '../auth/key-mint.js';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { RequireRole } from '../auth/role.guard.js';
import { IssueKey } from '../commands/issue-key.js';
import type { Caller } from '../commands/origin.js';
import { RevokeKey } from '../commands/revoke-key.js';
import { type ListedKey, ListKeys } from '../projections/queries/list-keys.js';
import { CurrentCaller } from './caller.js';
import { IsName } from './fields.js';
import { ApiProblems, OF_A_BODY } from './problems.js';
import { Shows } from './sight.js';

const ROLES = ['member', 'auditor', 'admin'] as const;

class IssueKeyBody {
  @IsName('The user. All keys with the same user have one owner.')
  user!: string;

  @IsIn(ROLES)
  @ApiProperty({ enum: ROLES })
  role!: (typeof ROLES)[number];

  @IsName('Purpose of the key.')
  name!: string;
}

class IssuedKey {
  @ApiProperty()
  id!: string;

  @ApiProperty({ description: 'Only this answer shows the key; the log keeps its hash.', example: 'vb_<id>_<secret>' })
  key!: string;
}

class ListedKeyDocument {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  user!: string;

  @ApiProperty({ enum: ROLES })
  role!: string;

  @ApiProperty()
  name!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revokedAt!: string | null;
}

class ListedKeys {
  @ApiProperty({ type: [ListedKeyDocument], description: 'Oldest first, including revoked keys.' })
  items!: readonly ListedKey[];
}

@ApiTags('Authentication')
@ApiBearerAuth()
@RequireRole('admin')
@Shows('nothing')
@Controller('api/v1/keys')
export class KeysController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly mint: KeyMint,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Issue a key to a user of this tenant. Only this answer shows the key.' })
  @ApiCreatedResponse({ type: IssuedKey })
  @ApiProblems(...OF_A_BODY, 'value_refused', 'text_malformed', 'log_unavailable')
  async issue(@CurrentCaller() caller: Caller, @Body() { user, role, name }: IssueKeyBody): Promise<IssuedKey> {
    const { id, text, secretSha256 } = this.mint.mint();
    await this.commands.execute(new IssueKey(caller, { keyId: id, user, role, name, secretSha256 }));
    return { id, key: text };
  }

  @Get()
  @ApiOperation({ summary: 'List all keys of this tenant, without their secrets.' })
  @ApiOkResponse({ type: ListedKeys })
  @ApiProblems()
  async list(@CurrentPrincipal() { tenant }: Principal): Promise<ListedKeys> {
    return { items: await this.queries.execute(new ListKeys(tenant)) };
  }

  @Delete(':id')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiOperation({ summary: 'Revoke a key. It stops working within 5 s everywhere. A repeated revoke changes nothing.' })
  @ApiNoContentResponse()
  @ApiProblems('not_found', 'log_unavailable')
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    const { found } = await this.commands.execute(new RevokeKey(caller, id));
    if (!found) throw new NotFoundException();
  }
}
