import { expect } from '@jest/globals';
import type { Answer } from './http-app.js';

/** The form that every error has, to the last field. `more` is what its code promises beside that. */
export function expectProblem({ headers, json, text }: Answer, status: number, code: string, more: object = {}): void {
  expect(json).toMatchObject({ status, code });
  const { errors = [], ...rest } = json as { errors?: unknown[] };
  expect(rest).toEqual({
    ...more,
    type: `urn:verbatim:problem:${code}`,
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  for (const error of errors) expect(error).toEqual({ path: expect.any(String), message: expect.any(String) });
  expect([...new Set(errors.map((error) => JSON.stringify(error)))]).toHaveLength(errors.length);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(text).not.toMatch(/ at .*\.(js|ts)|node_modules|FST_/);
}

/** The paths of all mistakes that a problem names. */
export const pathsIn = ({ json }: Answer): string[] =>
  ((json as { errors?: { path: string }[] }).errors ?? []).map(({ path }) => path);
