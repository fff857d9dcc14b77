/** A Fastify plugin that serves nothing. */
export default async function noStaticFiles(): Promise<void> {}
