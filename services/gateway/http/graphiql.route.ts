import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Request, RequestHandler, Response } from "express";

const DEFAULT_QUERY = `# Lorenz: models, runs and what they found. Ctrl-Enter runs the operation under the cursor; the docs are on the left.
query Overview {
  deviceStatus { queueLength runningCount measuredGflops advice agents { state environment { adapter software } } }
  models { edges { node { id name architecture dataset { name } createdAt } } }
  runs { edges { node { id kind status createdAt } } }
}
`;

/** Whether a browser asks for a page and not for a result. */
export function wantsPage(request: Request): boolean {
  return request.method === "GET" && request.accepts(["json", "html"]) === "html" && request.query["query"] === undefined;
}

/** GraphiQL as one page without any outside address. It is 9 MB of script: made at the first request, and kept compressed. */
export function graphiqlPage(): RequestHandler {
  let page: Promise<{ html: Buffer; zipped: Buffer }> | undefined;
  return async (request: Request, response: Response) => {
    page ??= render();
    const { html, zipped } = await page;
    const zip = request.acceptsEncodings("gzip") === "gzip";
    response.status(200).set({
      "content-type": "text/html; charset=utf-8", "cache-control": "private, max-age=3600", vary: "accept, accept-encoding",
      // Self-contained: only its own inline scripts, its workers from blobs, and this server.
      "content-security-policy": "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data: 'self'; font-src data:; connect-src 'self' ws: wss:; frame-ancestors 'none'",
      ...(zip && { "content-encoding": "gzip" }),
    }).end(zip ? zipped : html);
  };
}

async function render(): Promise<{ html: Buffer; zipped: Buffer }> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  const html = Buffer.from(renderGraphiQL({ title: "Lorenz", endpoint: "/graphql", subscriptionsProtocol: "WS", defaultQuery: DEFAULT_QUERY }));
  return { html, zipped: await promisify(gzip)(html) };
}
