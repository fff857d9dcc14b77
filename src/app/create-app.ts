import type { IncomingMessage } from 'node:http';
import type { SecurityHeadersOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { Authenticator } from '../auth/authenticator.js';
import { requireKeys } from '../auth/require-key.js';
import type { Config } from '../config.js';
import { traceIdOf } from '../http/caller.js';
import { answerClientError } from '../http/client-errors.js';
import { withClosedBodies } from '../http/closed-bodies.js';
import { KnownPaths } from '../http/known-paths.js';
import { type LogSettings, loggerOptions, loggersOfRequests, logRequests, logWhenOver } from '../http/logging.js';
import { NestLogger } from '../http/nest-logger.js';
import {
  type Measure,
  measureRequests,
  measureWhenOver,
  traceRequests,
  traceUntilOver,
} from '../http/observe-requests.js';
import { answerProblem } from '../http/problem.filter.js';
import { requireRecordedLooks } from '../http/sight.js';
import { acceptStrictJsonOnly } from '../http/strict-json.js';
import { closeUnusedConnections } from '../http/unused-connections.js';
import { limits } from '../limits.js';
import type { Continuity } from '../ports/continuity.js';
import type { Tracer } from '../ports/tracer.js';
import { AppModule } from './app.module.js';
import type { Engines } from './engines.js';
import { Surveys } from './survey.js';

/** Metrics of its own and a log on standard output, unless a test or the program passes others. */
export interface Surroundings {
  readonly metrics?: PrometheusMetrics;
  readonly tracer?: Tracer | undefined;
  readonly logTo?: LogSettings['to'];
}

/** The whole application. It does not listen yet, so tests call it without a socket. */
export async function createApp(
  engines: Engines,
  config: Config,
  version: string,
  { metrics = new PrometheusMetrics(), tracer, logTo }: Surroundings = {},
): Promise<NestFastifyApplication> {
  const measure: Measure = (request) => metrics.requestAnswered(request);
  const adapter = createServer({ level: config.logLevel, to: logTo }, { measure, tracer }, config.trustedProxies);
  const server = adapter.getInstance();
  const module = AppModule.of(engines, config, {
    metrics,
    tracer,
    warn: (facts, message) => server.log.warn(facts, message),
    info: (facts, message) => server.log.info(facts, message),
    error: (facts, message) => server.log.error(facts, message),
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    // Nest logs nothing while it builds the modules, and throws errors.
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  closeUnusedConnections(server);
  logRequests(server);
  measureRequests(server, measure);
  if (tracer) traceRequests(server, tracer);
  const paths = new KnownPaths(server);
  requireKeys(server, app.get(Authenticator), (request) => paths.patternOf(request));
  paths.answerOtherMethods(server);
  refuseOnceBroken(server, engines.log.continuity);
  acceptStrictJsonOnly(server);
  requireRecordedLooks(server);
  app.useSecurityHeaders(securityHeaders);
  serveDocs(app, version);
  try {
    await app.init();
    app.useLogger(new NestLogger(server.log));
    await app.get(Surveys).start();
    return app;
  } catch (error) {
    // Some modules may have started.
    await app.close();
    throw error;
  }
}

/** Read models may hold events that the log has lost. Routes without a key, such as readiness, still answer. */
function refuseOnceBroken(server: FastifyInstance, continuity: Continuity): void {
  server.addHook('onRequest', async ({ principal }: FastifyRequest) => {
    if (principal) continuity.require();
  });
}

const newTraceId = () => systemIds.random().replaceAll('-', '');
const newRequestId = () => systemIds.random();

function createServer(
  logging: LogSettings,
  { measure, tracer }: { readonly measure: Measure; readonly tracer: Tracer | undefined },
  trustedProxies: readonly string[],
): FastifyAdapter {
  return new FastifyAdapter({
    logger: loggerOptions(logging),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    childLoggerFactory: loggersOfRequests(newRequestId),
    genReqId: (request: IncomingMessage) => traceIdOf(request, newTraceId),
    // A request that the router refuses reaches no hook, no route and no filter.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      logWhenOver(request, reply);
      measureWhenOver(request, reply, measure);
      if (tracer) traceUntilOver(request, reply, tracer);
      answerProblem(error, request, reply);
    },
    clientErrorHandler: answerClientError(newTraceId),
    // Without a trusted proxy, the address of a request is that of its socket, and headers do not change it.
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    bodyLimit: limits.requestBodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    routerOptions: { maxParamLength: limits.pathParameterCharactersMax },
    // While the server closes, it answers requests on open connections, and then ends these connections.
    return503OnClosing: false,
  });
}

function serveDocs(app: NestFastifyApplication, version: string): void {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Verbatim')
    .setDescription('A chat backend whose only source of truth is an append-only event log.')
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'vb_<id>_<secret>' })
    .build();
  const document = () => withClosedBodies(SwaggerModule.createDocument(app, description));
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Verbatim API',
  });
}

/**
 * The headers of helmet. The policy lets the pages of /docs load only their own files. It leaves out one default,
 * `upgrade-insecure-requests`: over plain HTTP a browser would request the scripts of /docs over HTTPS and fail.
 */
const securityHeaders: SecurityHeadersOptions = {
  contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
};
