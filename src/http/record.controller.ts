import {
  Controller,
  ForbiddenException,
  Get,
  Headers,
  NotFoundException,
  Param,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import type { Look, LookedAt } from '../domain/access.js';
import { parseBundlePath, parseTilePath } from '../formats/record-1/tiles.js';
import { CosignedNotes } from '../notary/cosigned-notes.js';
import { type RecordedEntry, RecordReader, shownBy } from '../notary/record-reader.js';
import { RunReader } from '../sse/run-reader.js';
import { InvalidRequest } from './invalid-request.js';
import { ApiProblems } from './problems.js';
import { TakesQuery } from './query.guard.js';
import {
  ConsistencyProofDocument,
  FoundEntryDocument,
  InclusionProofDocument,
  RecordedEntryDocument,
  RecordKeyDocument,
  RunProofDocument,
} from './record-documents.js';
import { CheckpointQuery, ConsistencyQuery, FindQuery, ProofQuery } from './record-queries.js';
import { lookAt } from './runs.controller.js';
import { CurrentSight, Shows, type Sight } from './sight.js';

const TEXT = 'text/plain; charset=utf-8';
/** Of one tenant, so shared caches must not keep it. Another incarnation of the log has other tiles at the same addresses. */
const PRIVATE = 'private, no-cache';
const ENTRIES = 'entries/';

/** The record of the caller's tenant: its signed tree, the entries, and proofs. Bodies commit to texts, and have none. */
@ApiTags('Record')
@ApiBearerAuth()
@Shows('nothing')
@Controller('api/v1')
export class RecordController {
  constructor(
    private readonly record: RecordReader,
    private readonly notes: CosignedNotes,
    private readonly runs: RunReader,
  ) {}

  @Get('record/checkpoint')
  @TakesQuery()
  @ApiOperation({
    summary: 'The last signed note of the tree: a C2SP checkpoint. Every role may read it.',
    description:
      'With the cosignatures that it has. The last note is seldom cosigned: `cosigned=true` asks for the last that is.',
  })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiProblems('invalid_request', 'not_recorded_yet')
  async checkpoint(
    @CurrentPrincipal() { tenant }: Principal,
    @Query() { cosigned }: CheckpointQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const note = cosigned === 'true' ? await this.notes.lastCosigned(tenant) : await this.notes.last(tenant);
    await reply.header('content-type', TEXT).send(note);
  }

  @Get('record/key')
  @ApiOperation({ summary: 'The key that verifies the notes of the tree, and the keys that did before.' })
  @ApiOkResponse({ type: RecordKeyDocument })
  @ApiProblems('not_recorded_yet')
  async key(@CurrentPrincipal() principal: Principal): Promise<RecordKeyDocument> {
    return { ...(await this.record.key(readerOf(principal))), witnesses: this.notes.witnesses };
  }

  @Get('record/tile/*')
  @ApiOperation({
    summary: 'A tile of the tree, or a bundle of entries.',
    description: 'C2SP tlog-tiles: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, of any width that is signed.',
  })
  @ApiParam({ name: 'path', description: 'May contain slashes.', example: 'entries/000.p/5' })
  @ApiProduces('application/octet-stream')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiProblems('not_found', 'not_recorded_yet', 'unavailable')
  async tile(
    @CurrentPrincipal() principal: Principal,
    @Req() { params }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const bytes = await this.bytesAt(readerOf(principal), (params as { '*': string })['*']);
    await reply.headers({ 'content-type': 'application/octet-stream', 'cache-control': PRIVATE }).send(bytes);
  }

  @Get('record/entries/:index')
  @Shows('others')
  @ApiOperation({ summary: 'An entry, the body that it commits to, and the stored texts of the event.' })
  @ApiOkResponse({ type: RecordedEntryDocument })
  @ApiProblems('not_found', 'not_recorded_yet', 'log_unavailable')
  async entry(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('index') index: string,
  ): Promise<RecordedEntryDocument> {
    const entry = await this.record.entry(readerOf(principal), indexIn(index));
    await sight.of(lookAtEntry(entry));
    return entry;
  }

  @Get('record/find')
  @TakesQuery()
  @ApiOperation({
    summary: 'The index of the entry of an event.',
    description:
      'By `stream` and `revision`, or by `event`, its id. Every revision of a sealed tape has the same entry.',
  })
  @ApiOkResponse({ type: FoundEntryDocument })
  @ApiProblems('invalid_request', 'value_refused', 'not_found', 'not_recorded_yet')
  async find(
    @CurrentPrincipal() principal: Principal,
    @Query() { stream, revision, event }: FindQuery,
  ): Promise<FoundEntryDocument> {
    const tenant = readerOf(principal);
    if (event !== undefined && stream === undefined && revision === undefined) {
      return { index: await this.record.find(tenant, { event }) };
    }
    if (stream === undefined || revision === undefined || event !== undefined) {
      const message = 'must be beside revision, and without event';
      throw new InvalidRequest([{ path: 'stream', message }], 'value_refused');
    }
    return { index: await this.record.find(tenant, { stream, revision: Number(revision) }) };
  }

  @Get('record/proof/:index')
  @TakesQuery()
  @ApiExtraModels(InclusionProofDocument)
  @ApiOperation({ summary: 'The proof that an entry is in the tree. With `Accept: text/plain` as C2SP tlog-proof.' })
  @ApiOkResponse({
    content: {
      'application/json': { schema: { $ref: getSchemaPath(InclusionProofDocument) } },
      'text/plain': { schema: { type: 'string' } },
    },
  })
  @ApiProblems('invalid_request', 'value_refused', 'not_found', 'not_recorded_yet', 'unavailable')
  async proof(
    @CurrentPrincipal() principal: Principal,
    @Param('index') index: string,
    @Query() { size }: ProofQuery,
    @Headers('accept') accept: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const tenant = readerOf(principal);
    reply.header('vary', 'Accept');
    if (!wantsText(accept)) {
      await reply.send(await this.record.proof(tenant, indexIn(index), numberIn(size)));
      return;
    }
    // The text has the note that it leads to, and only that of the last tree is certain to be there.
    if (size !== undefined) {
      throw new InvalidRequest([{ path: 'size', message: 'is not for a proof as text' }], 'value_refused');
    }
    await reply.header('content-type', TEXT).send(await this.record.proofText(tenant, indexIn(index)));
  }

  @Get('record/consistency')
  @TakesQuery()
  @ApiOperation({ summary: 'The proof that a tree continues an earlier one. Without `to` of the last signed tree.' })
  @ApiOkResponse({ type: ConsistencyProofDocument })
  @ApiProblems('invalid_request', 'not_found', 'not_recorded_yet', 'unavailable')
  async consistency(
    @CurrentPrincipal() principal: Principal,
    @Query() { from, to }: ConsistencyQuery,
  ): Promise<ConsistencyProofDocument> {
    return { from: Number(from), ...(await this.record.consistency(readerOf(principal), Number(from), numberIn(to))) };
  }

  @Get('runs/:generationId/proof')
  @Shows('others')
  @ApiOperation({
    summary: 'The proof of a run: its entries, all leaves of its tape, their stored texts, and the note of the tree.',
  })
  @ApiOkResponse({ type: RunProofDocument })
  @ApiProblems('generation_not_found', 'not_recorded_yet', 'log_unavailable')
  async run(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('generationId') id: string,
  ): Promise<RunProofDocument> {
    const tenant = readerOf(principal);
    const places = await this.runs.places(id, principal);
    const proof = await this.record.run(tenant, places);
    if (places) await sight.of(lookAt('run_proof', id, places));
    return proof;
  }

  private bytesAt(tenant: string, path: string): Promise<Buffer> {
    const bundle = path.startsWith(ENTRIES) ? parseBundlePath(path.slice(ENTRIES.length)) : undefined;
    if (bundle) return this.record.bundle(tenant, bundle);
    const tile = parseTilePath(path);
    if (!tile) throw new NotFoundException();
    return this.record.tile(tenant, tile);
  }
}

function lookAtEntry(entry: RecordedEntry): Look {
  const { chain, conversation, owner } = shownBy(entry);
  const object: LookedAt =
    conversation === undefined ? { kind: 'stream', id: chain } : { kind: 'conversation', id: conversation };
  return { what: 'record_entry', objects: [object], owner };
}

/** The tenant of an auditor or an administrator. */
export function readerOf({ tenant, role }: Principal): string {
  if (role === 'member') throw new ForbiddenException();
  return tenant;
}

/** A text that can be no index is answered like an index without an entry. */
function indexIn(text: string): number {
  const index = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(index)) throw new NotFoundException();
  return index;
}

const numberIn = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/** A client that accepts both gets JSON: axios, for example, lists both in every request. A wildcard does not count. */
function wantsText(accept = ''): boolean {
  const types = accept.toLowerCase().split(',').flatMap(acceptedType);
  return types.includes('text/plain') && !types.includes('application/json');
}

/** Without a type that the client refuses with `q=0`. */
function acceptedType(range: string): string[] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? [] : [type];
}
