import { ConsoleLogger, type LogLevel as NestLogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { appModule } from './app.module.js';
import type { LogLevel } from './config.js';
import type { Engines } from './engines.js';

const FROM_MOST_URGENT: readonly NestLogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];
const nestNames: Record<LogLevel, NestLogLevel> = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  info: 'log',
  debug: 'debug',
  trace: 'verbose',
};

/** The whole application, built but not yet listening: a test calls it as it is. */
export async function createApp(
  engines: Engines,
  logLevel: LogLevel,
  version: string,
): Promise<NestFastifyApplication> {
  const logLevels = FROM_MOST_URGENT.slice(0, FROM_MOST_URGENT.indexOf(nestNames[logLevel]) + 1);
  const app = await NestFactory.create<NestFastifyApplication>(appModule(engines), new FastifyAdapter(), {
    // What goes wrong while it is put together is thrown; what goes right interests nobody.
    logger: false,
    abortOnError: false,
  });
  serveDocs(app, version);
  await app.init();
  app.useLogger(new ConsoleLogger({ json: true, logLevels }));
  return app;
}

function serveDocs(app: NestFastifyApplication, version: string): void {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Verbatim')
    .setDescription('A chat backend whose only source of truth is an append-only event log.')
    .setVersion(version)
    .build();
  const document = () => SwaggerModule.createDocument(app, description);
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json', customSiteTitle: 'Verbatim API' });
}
