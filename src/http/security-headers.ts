import type { SecurityHeadersOptions } from '@nestjs/common';

/**
 * The headers of helmet. The policy lets the pages of /docs load only their own files. It leaves out one default,
 * `upgrade-insecure-requests`: over plain HTTP a browser would request the scripts of /docs over HTTPS and fail.
 */
export const securityHeaders: SecurityHeadersOptions = {
  contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
};
