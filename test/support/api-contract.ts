import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { closedSchema, type Schema } from './closed-schema.js';
import type { Answer } from './http-app.js';

export interface DocumentedResponse {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
}

export interface Operation {
  /** `GET /api/v1/runs/{generationId}` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
  readonly security?: readonly object[];
}

export interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, 'name' | 'method' | 'path'>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** What any answer may carry, of which the document does not speak. */
const GENERAL_HEADERS =
  /^(content-(type|length|security-policy)|date|connection|keep-alive|transfer-encoding|vary|cache-control|x-.+|referrer-policy|cross-origin-.+|permissions-policy|strict-transport-security|origin-agent-cluster)$/;

/** Holds answers against the document of the API, and knows what of it was never seen. */
export class ApiContract {
  readonly operations: readonly Operation[];
  private readonly ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  private readonly validators = new Map<Schema, ValidateFunction>();
  private readonly seen = new Set<string>();

  constructor(private readonly document: ApiDocument) {
    formats.default(this.ajv);
    this.ajv.addKeyword('example');
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([verb, operation]) => {
        const method = verb.toUpperCase();
        return { ...operation, name: `${method} ${path}`, method, path, parameters: operation.parameters ?? [] };
      }),
    );
  }

  /** What an answer has, or lacks, against the document; nothing when it keeps to it. */
  breaches(method: string, url: string, answer: Answer): string[] {
    const operation = this.operationAt(method, url);
    if (!operation) return [`${method} ${url} is not documented`];
    const answered = `${operation.name} ${answer.status}`;
    this.seen.add(answered);
    const response = operation.responses[answer.status];
    if (!response) return [`${answered} is not documented: ${answer.text.slice(0, 200)}`];
    return [...this.bodyBreaches(response, answer), ...headerBreaches(response, answer)].map(
      (breach) => `${answered}: ${breach}`,
    );
  }

  /** What a body has, or lacks, against what its route takes. */
  requestBreaches({ requestBody }: Operation, body: object | undefined): string[] {
    const schema = requestBody?.content['application/json']?.schema;
    if (!schema || !body) return schema || body ? ['one of them has a body'] : [];
    return this.mistakes(schema, body);
  }

  /** Every documented answer that no call got. */
  unseen(): string[] {
    const documented = this.operations.flatMap(({ name, responses }) =>
      Object.keys(responses).map((status) => `${name} ${status}`),
    );
    return documented.filter((answer) => !this.seen.has(answer));
  }

  /** Every schema of the document has to be one. */
  compileAll(): void {
    for (const schema of Object.values(this.document.components.schemas)) this.validatorOf(schema);
    for (const { requestBody, responses } of this.operations) {
      const contents = [requestBody, ...Object.values(responses)].flatMap((each) => Object.values(each?.content ?? {}));
      for (const { schema } of contents) this.validatorOf(schema);
    }
  }

  /** The route with the fewest parameters that an address fits: the router prefers what is written out, too. */
  private operationAt(method: string, url: string): Operation | undefined {
    const [path = ''] = url.split('?');
    const fitting = this.operations.filter((each) => each.method === method && patternOf(each.path).test(path));
    return fitting.toSorted((one, other) => parametersIn(one.path) - parametersIn(other.path))[0];
  }

  private bodyBreaches({ content }: DocumentedResponse, { headers, text, json }: Answer): string[] {
    const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
    if (!content) return text === '' && type === '' ? [] : [`has a body of type ${type}`];
    const documented = content[type];
    if (!documented) return [`has the type ${type}, and not ${Object.keys(content)}`];
    return this.mistakes(documented.schema, type.endsWith('json') ? json : text);
  }

  private mistakes(schema: Schema, value: unknown): string[] {
    const validate = this.validatorOf(schema);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      [instancePath || 'the body', message, JSON.stringify(params)].join(' '),
    );
  }

  private validatorOf(schema: Schema): ValidateFunction {
    const known = this.validators.get(schema);
    if (known) return known;
    const validator = this.ajv.compile(closedSchema(schema, (reference) => this.resolve(reference)));
    this.validators.set(schema, validator);
    return validator;
  }

  private resolve(reference: string): Schema {
    const [, name = ''] = /^#\/components\/schemas\/([^/]+)$/.exec(reference) ?? [];
    const schema = this.document.components.schemas[name];
    if (!schema) throw new Error(`${reference} leads nowhere`);
    return schema;
  }
}

function headerBreaches({ headers: documented = {} }: DocumentedResponse, { headers }: Answer): string[] {
  const names = Object.keys(documented).map((name) => name.toLowerCase());
  const foreign = Object.keys(headers).filter((name) => !GENERAL_HEADERS.test(name) && !names.includes(name));
  const required = Object.entries(documented).filter(([, { required }]) => required);
  const missing = required.filter(([name]) => headers[name.toLowerCase()] === undefined);
  return [
    ...foreign.map((name) => `the header ${name} is not documented`),
    ...missing.map(([name]) => `the header ${name} is missing`),
  ];
}

const parametersIn = (path: string): number => path.split('{').length - 1;
/** A parameter named `path` is the rest of an address, slashes included. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('{path}', '.+').replace(/\{\w+\}/g, '[^/]+')}$`);
