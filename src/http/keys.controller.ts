import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  NotFoundException,
  Param,
  Post,
} from '@nestjs/common';
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
import type { Caller } from '../commands/caller.js';
import { IssueKey } from '../commands/issue-key.js';
import { RevokeKey } from '../commands/revoke-key.js';
import { type ListedKey, ListKeys } from '../projections/queries/list-keys.js';
import { ApiProblems, OF_A_BODY } from './api-problems.js';
import { CurrentCaller } from './caller.js';
import { IsName } from './is-name.js';

const ROLES = ['member', 'auditor', 'admin'] as const;

class IssueKeyBody {
  @IsName('One owner, across all keys with this name.')
  user!: string;

  @IsIn(ROLES)
  @ApiProperty({ enum: ROLES })
  role!: (typeof ROLES)[number];

  @IsName('What the key is for.')
  name!: string;
}

class IssuedKey {
  @ApiProperty()
  id!: string;

  @ApiProperty({ description: 'Shown this once. Only a hash of it is kept.', example: 'vb_<id>_<secret>' })
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
  @ApiProperty({ type: [ListedKeyDocument], description: 'The oldest first, revoked ones included.' })
  items!: readonly ListedKey[];
}

@ApiTags('Authentication')
@ApiBearerAuth()
@RequireRole('admin')
@Controller('api/v1/keys')
export class KeysController {
  constructor(
    @Inject(CommandBus) private readonly commands: CommandBus,
    @Inject(QueryBus) private readonly queries: QueryBus,
    @Inject(KeyMint) private readonly mint: KeyMint,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Issue a key to a user of this tenant. The answer is the only time that it is shown.' })
  @ApiCreatedResponse({ type: IssuedKey })
  @ApiProblems(...OF_A_BODY, 'value_refused', 'text_malformed', 'log_unavailable')
  async issue(@CurrentCaller() caller: Caller, @Body() { user, role, name }: IssueKeyBody): Promise<IssuedKey> {
    const { id, text, secretSha256 } = this.mint.mint();
    await this.commands.execute(new IssueKey(caller, { keyId: id, user, role, name, secretSha256 }));
    return { id, key: text };
  }

  @Get()
  @ApiOperation({ summary: 'All keys of this tenant, without their secrets.' })
  @ApiOkResponse({ type: ListedKeys })
  @ApiProblems()
  async list(@CurrentPrincipal() { tenant }: Principal): Promise<ListedKeys> {
    return { items: await this.queries.execute(new ListKeys(tenant)) };
  }

  @Delete(':id')
  @HttpCode(HttpStatus.NO_CONTENT)
  @ApiOperation({ summary: 'Revoke a key. It stops within 5 s everywhere; a second time changes nothing.' })
  @ApiNoContentResponse()
  @ApiProblems('not_found', 'log_unavailable')
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    const { found } = await this.commands.execute(new RevokeKey(caller, id));
    if (!found) throw new NotFoundException();
  }
}
