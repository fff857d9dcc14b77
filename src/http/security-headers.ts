import type { SecurityHeadersOptions } from '@nestjs/common';

/**
 * Nest sets the headers of helmet, and its policy lets the pages of /docs load what they bring along and nothing else.
 * One default is left out: asked over plain HTTP, as on a machine of one's own, a browser would fetch the scripts of
 * that page over HTTPS and find nobody there.
 */
export const securityHeaders: SecurityHeadersOptions = {
  contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
};
