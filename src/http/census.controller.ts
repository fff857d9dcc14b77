import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { type AskedChains, CensusReader } from '../notary/census-reader.js';
import { InvalidRequest } from './invalid-request.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import { readerOf } from './record.controller.js';
import { CensusDocument, CompletenessProofDocument } from './record-documents.js';
import { CompletenessQuery } from './record-queries.js';
import { Shows } from './sight.js';

/** The last census of the caller's tenant, and proofs that it has certain chains and no others. */
@ApiTags('Record')
@ApiBearerAuth()
@Shows('nothing')
@Controller('api/v1/record/census')
export class CensusController {
  constructor(private readonly census: CensusReader) {}

  @Get()
  @ApiOperation({ summary: 'The last census: how many chains the record has, and the root of the tree over them.' })
  @ApiOkResponse({ type: CensusDocument })
  @ApiProblems('not_recorded_yet', 'log_unavailable')
  async last(@CurrentPrincipal() principal: Principal): Promise<CensusDocument> {
    return this.census.last(readerOf(principal));
  }

  @Get('proof')
  @TakesQuery()
  @ApiOperation({
    summary:
      'The proof that the census has these chains and no others: of an owner, of a conversation, or of the tenant.',
    description:
      'The chains are neighbours in the census, and the leaves beside them belong to others. Of those, the proof shows hashes only. ' +
      'While no chain of the census has an owner, the answer for an owner is 409 owners_not_recorded. Conversations from before the ' +
      'protection of texts have no owner in the record: the proof for an owner lacks them, and the proof of all chains has them.',
  })
  @ApiOkResponse({ type: CompletenessProofDocument })
  @ApiProblems(
    'invalid_request',
    'value_refused',
    'not_found',
    'not_recorded_yet',
    'owners_not_recorded',
    'unavailable',
  )
  async proof(
    @CurrentPrincipal() principal: Principal,
    @Query() { owner, conversation, from }: CompletenessQuery,
  ): Promise<CompletenessProofDocument> {
    const tenant = readerOf(principal);
    return this.census.proof(tenant, askedChains(owner, conversation), from === undefined ? undefined : Number(from));
  }
}

function askedChains(owner: string | undefined, conversation: string | undefined): AskedChains {
  if (owner !== undefined && conversation !== undefined) {
    throw new InvalidRequest([{ path: 'owner', message: 'must be without conversation' }], 'value_refused');
  }
  if (owner !== undefined) return { owner };
  return conversation === undefined ? 'all' : { conversation };
}
