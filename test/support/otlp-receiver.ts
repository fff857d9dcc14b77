import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty of a span that begins a trace. */
  readonly parentSpanId: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The traces that it links to. */
  readonly links: readonly string[];
  readonly isError: boolean;
  readonly milliseconds: number;
}

interface ReceivedExport {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A collector of traces on 127.0.0.1: OTLP over HTTP. */
export interface OtlpReceiver {
  readonly url: string;
  readonly exports: readonly ReceivedExport[];
  /** Of exports in JSON. */
  spans(): ReceivedSpan[];
  /** The attributes of the resource that the last export was from. */
  resource(): Readonly<Record<string, unknown>>;
  /** From now on exports are received, and never answered. */
  hang(): void;
  stop(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const exports: ReceivedExport[] = [];
  let isHanging = false;
  const answer = (response: ServerResponse) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  const server = createServer(async (request, response) => {
    // The exporter was killed while it sent.
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    exports.push({ headers: request.headers, body });
    if (!isHanging) answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const inJson = () => exports.map(({ body }) => JSON.parse(`${body}`) as Export);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exports,
    spans: () => inJson().flatMap(spansIn),
    resource: () => attributesIn(inJson().at(-1)?.resourceSpans[0]?.resource.attributes),
    hang() {
      isHanging = true;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}
type Attributes = readonly { readonly key: string; readonly value: Value }[];
interface Span extends Omit<ReceivedSpan, 'attributes' | 'links' | 'isError' | 'milliseconds'> {
  readonly attributes?: Attributes;
  readonly links?: readonly { readonly traceId: string }[];
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const ERROR = 2;

const spansIn = ({ resourceSpans }: Export): ReceivedSpan[] =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(received)));

function received(span: Span): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId = '', kind, attributes, links = [], status } = span;
  const nanoseconds = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
  return {
    ...{ name, traceId, spanId, parentSpanId, kind },
    attributes: attributesIn(attributes),
    links: links.map((link) => link.traceId),
    isError: status?.code === ERROR,
    milliseconds: Number(nanoseconds) / 1e6,
  };
}

const attributesIn = (attributes: Attributes = []) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));

function plain({ arrayValue, intValue, ...value }: Value): unknown {
  if (arrayValue) return arrayValue.values.map(plain);
  return intValue === undefined ? Object.values(value)[0] : Number(intValue);
}
