/** A developer's own server in front of a running gateway: it adds a token, so that the console works without logging in. */

import { request } from "node:http";
import type { Connect, Plugin } from "vite";

const PASSED = /^\/(v1\/|auth\/|exports\/|openapi\.json)/;

/** Passes API calls on to `url` with `token`; without them nothing is passed on and the console says that nobody is logged in. */
export function gateway(url: string | undefined, token: string | undefined): Plugin {
  const handler = url === undefined ? undefined : passOn(new URL(url), token);
  return {
    name: "dangol-gateway",
    configureServer: (server) => void (handler && server.middlewares.use(handler)),
    configurePreviewServer: (server) => {
      server.middlewares.use(headers);
      if (handler) server.middlewares.use(handler);
    },
  };
}

/** The headers of the gateway, so that a build is tried under the policy that it is served with. */
const headers: Connect.NextHandleFunction = (_, response, next) => {
  response.setHeader("Content-Security-Policy", POLICY);
  response.setHeader("X-Content-Type-Options", "nosniff");
  next();
};

export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o='",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

function passOn(target: URL, token: string | undefined): Connect.NextHandleFunction {
  return (incoming, response, next) => {
    const path = incoming.url ?? "/";
    if (!PASSED.test(path)) return next();
    if (token !== undefined && path === "/v1/session") return answerSession(token, response);
    const headers = {
      ...incoming.headers,
      host: target.host,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const outgoing = request(
      { host: target.hostname, port: target.port, path, method: incoming.method ?? "GET", headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.on("error", () => {
      if (!response.headersSent) response.writeHead(503, { "Content-Type": "application/problem+json", "Retry-After": "1" });
      response.end(
        JSON.stringify({ type: "about:blank", title: "Service Unavailable", status: 503, code: "unavailable", detail: "" }),
      );
    });
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  };
}

/** What the session service would say of the one whom the token names. */
function answerSession(token: string, response: Parameters<Connect.NextHandleFunction>[1]): void {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf-8"));
  const channel = { id: claims.channel, name: claims.channel };
  const endsAt = new Date(claims.exp * 1000).toISOString();
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(
    JSON.stringify({
      sub: claims.sub,
      name: claims.sub,
      email: null,
      channel,
      channels: [channel],
      permissions: claims.permissions,
      idleAt: endsAt,
      endsAt,
    }),
  );
}
