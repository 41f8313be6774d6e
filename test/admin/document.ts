/** What openapi.json says of answers, to hold them against. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Test } from 'tap';

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

export const DOCUMENT = JSON.parse(
  readFileSync(new URL('../../../src/admin/openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, Operation>> };

export const ajv = new Ajv2020({
  strict: false,
  validateFormats: false,
  allErrors: true,
  // Each answer is looked at once or twice.
  code: { optimize: false },
});
ajv.addSchema(DOCUMENT, 'openapi');

export function schema(path: string, method: string, type = 'application/json'): ValidateFunction {
  const pointer = ['paths', path, method, 'responses', '200', 'content', type, 'schema'];
  const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  return ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
}

export const isProblem = ajv.compile({ $ref: 'openapi#/components/schemas/Problem' });

export async function problem(t: Test, response: Response, status: number, detail: RegExp): Promise<void> {
  const text = await response.text();
  t.equal(response.status, status, text);
  t.equal(response.headers.get('content-type'), 'application/problem+json');
  const body = JSON.parse(text);
  t.ok(isProblem(body), JSON.stringify(isProblem.errors));
  t.match(body, { status, detail });
}
