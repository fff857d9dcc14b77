import { describe, expect, it } from '@jest/globals';
import { BadRequestException, ForbiddenException, NotFoundException, UnauthorizedException } from '@nestjs/common';
import { Refusal, type RefusalCode, refusals } from '../../../src/domain/refusal.js';
import { InvalidRequest, pathTo } from '../../../src/http/invalid-request.js';
import { findingOf, headersOf, problemOf } from '../../../src/http/problem.js';
import { problems } from '../../../src/http/problems.js';
import { limits } from '../../../src/limits.js';
import { LogUnavailable, RetryableError, TerminalError } from '../../../src/ports/errors.js';

const answerTo = (error: unknown) => problemOf(findingOf(error), 'trace');

describe('the catalogue of problems', () => {
  it('never changes unnoticed: clients decide by these', () => {
    const codes = Object.entries(problems).map(([code, { status }]) => `${status} ${code}`);
    expect(codes).toEqual([
      '400 invalid_request',
      '400 page_token_invalid',
      '400 cursor_invalid',
      '401 unauthenticated',
      '403 forbidden',
      '404 not_found',
      '404 projection_not_found',
      '404 conversation_not_found',
      '404 message_not_found',
      '404 generation_not_found',
      '405 method_not_allowed',
      '408 request_timeout',
      '409 conversation_exists',
      '409 conversation_busy',
      '409 prompt_changed',
      '409 newer_content',
      '409 newer_version_running',
      '409 rebuild_running',
      '409 no_newer_master_key',
      '409 not_recorded_yet',
      '409 owners_not_recorded',
      '413 body_too_large',
      '415 unsupported_media_type',
      '422 value_refused',
      '422 already_replied',
      '422 content_empty',
      '422 content_too_long',
      '422 conversation_full',
      '422 cursor_beyond_end',
      '422 idempotency_key_reused',
      '422 leaf_is_note',
      '422 leaf_not_found',
      '422 message_is_note',
      '422 node_not_found',
      '422 nothing_to_regenerate',
      '422 parent_is_note',
      '422 parent_is_queued',
      '422 parent_not_found',
      '422 prompt_not_known_yet',
      '422 prompt_over_budget',
      '422 provider_not_configured',
      '422 revision_mismatch',
      '422 search_unbounded',
      '422 text_malformed',
      '429 queue_full',
      '429 rate_limited',
      '431 headers_too_large',
      '500 internal_error',
      '500 record_damaged',
      '503 key_missing',
      '503 log_unavailable',
      '503 view_behind',
      '503 view_unavailable',
      '503 unavailable',
    ]);
  });

  it('has Retry-After for every code that asks for a pause', () => {
    for (const [code, type] of Object.entries(problems)) {
      const mustWait = [429, 503].includes(type.status) || ['conversation_busy', 'not_recorded_yet'].includes(code);
      expect([code, 'headers' in type && 'retry-after' in type.headers]).toEqual([code, mustWait]);
    }
  });
});

describe('a problem', () => {
  it.each(Object.keys(refusals) as RefusalCode[])('has the refusal %s and its details', (code) => {
    const problem = answerTo(new Refusal(code, { bytes: 7, status: 'x', code: 'x', traceId: 'x' }));
    expect(problem).toEqual({
      type: `urn:verbatim:problem:${code}`,
      title: problems[code].title,
      status: problems[code].status,
      code,
      detail: refusals[code],
      bytes: 7,
      traceId: 'trace',
    });
  });

  it('lists every mistake of an invalid request, in bounds', () => {
    const errors = [
      { path: 'params.temperature', message: 'must be a number' },
      { path: '', message: 'is odd' },
    ];
    expect(answerTo(new InvalidRequest(errors))).toEqual({
      type: 'urn:verbatim:problem:invalid_request',
      title: 'The request is malformed',
      status: 400,
      code: 'invalid_request',
      detail: 'params.temperature must be a number.',
      errors,
      traceId: 'trace',
    });
    const many = Array.from({ length: 5_000 }, () => ({ path: '', message: 'is odd' }));
    expect(answerTo(new InvalidRequest(many)).errors).toHaveLength(limits.problemErrorsMax);
    expect(pathTo(['a'.repeat(5_000)])).toHaveLength(limits.problemPathCharactersMax);
  });

  it.each([
    [new LogUnavailable('secret'), 'log_unavailable', '1'],
    [new RetryableError('secret'), 'unavailable', '1'],
    [new RetryableError('secret', { retryAfterMs: 2_001 }), 'unavailable', '3'],
  ])('asks to come back: %p', (error, code, seconds) => {
    expect(answerTo(error)).toMatchObject({ status: 503, code });
    expect(headersOf(findingOf(error))).toEqual({ 'retry-after': seconds });
    expect(JSON.stringify(answerTo(error))).not.toContain('secret');
  });

  it.each([
    [new UnauthorizedException('secret'), 'unauthenticated'],
    [new ForbiddenException('secret'), 'forbidden'],
    [new NotFoundException('secret'), 'not_found'],
    [new BadRequestException('secret'), 'invalid_request'],
    [Object.assign(new Error('secret'), { statusCode: 413 }), 'body_too_large'],
    [Object.assign(new Error('secret'), { statusCode: 414 }), 'not_found'],
    [Object.assign(new Error('secret'), { statusCode: 415 }), 'unsupported_media_type'],
    [Object.assign(new Error('secret'), { statusCode: 429 }), 'rate_limited'],
    [Object.assign(new Error('secret'), { statusCode: 418 }), 'invalid_request'],
    [Object.assign(new Error('secret'), { statusCode: 503 }), 'unavailable'],
    [Object.assign(new Error('secret'), { statusCode: 502 }), 'internal_error'],
    [new TerminalError('secret'), 'internal_error'],
    [new Error('secret'), 'internal_error'],
    ['secret', 'internal_error'],
    [undefined, 'internal_error'],
    [{ statusCode: 400, message: 'secret', code: 'not_found' }, 'internal_error'],
  ])('hides the message of %p', (error, code) => {
    const problem = answerTo(error);
    expect(problem.code).toBe(code);
    expect(JSON.stringify(problem)).not.toContain('secret');
    expect(problem).not.toHaveProperty('stack');
  });
});
