import { Controller, ForbiddenException, Get, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { Looks } from '../commands/looks.js';
import { ListAccess } from '../projections/access/query.js';
import { instantIn } from './instants.js';
import { LooksDocument } from './list-documents.js';
import { AccessQuery, pageSize } from './list-queries.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import { CurrentSight, Shows, type Sight } from './sight.js';

const TRAIL = `Every look at data of others, of auditors, administrators and the command line. One record covers equal looks \
of a user for 60 s. To read the trail is a look too. The answer has all looks that this process recorded before.`;

/** Who looked at data of others. */
@ApiTags('Record')
@ApiBearerAuth()
@Shows('others')
@Controller('api/v1/access')
export class AccessController {
  constructor(
    private readonly queries: QueryBus,
    private readonly looks: Looks,
  ) {}

  @Get()
  @TakesQuery()
  @ApiOperation({ summary: 'List who looked at data of others, newest first.', description: TRAIL })
  @ApiOkResponse({ type: LooksDocument })
  @ApiProblems('invalid_request', 'value_refused', 'page_token_invalid', 'view_behind', 'view_unavailable')
  async list(
    @CurrentPrincipal() { tenant, role }: Principal,
    @CurrentSight() sight: Sight,
    @Query() { limit, before, from, to, ...filters }: AccessQuery,
  ): Promise<LooksDocument> {
    if (role === 'member') throw new ForbiddenException();
    const times = { from: from && instantIn(from), to: to && instantIn(to) };
    const asked = { ...filters, ...times, limit: pageSize(limit), before };
    const page = await this.queries.execute(new ListAccess(tenant, asked, this.looks.lastIn(tenant)));
    // Also of own data it shows what others did, so it has no owner.
    await sight.of({ what: 'access', objects: [{ kind: 'access', id: tenant }], filters: { ...filters, from, to } });
    return page;
  }
}
