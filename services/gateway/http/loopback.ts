import { AppError } from "../../common/errors.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** @throws AppError CONFIG_INVALID when the address is reachable from outside and that was not asked for. */
export function assertBindable(host: string, allowRemote: boolean): void {
  if (LOOPBACK.test(host) || allowRemote) return;
  throw new AppError("CONFIG_INVALID", `LORENZ_HOST: expected a loopback address such as 127.0.0.1, got ${JSON.stringify(host)}. There is no authentication yet: whoever reaches the port can run and delete anything. Set LORENZ_ALLOW_REMOTE=1 if something else protects it`, { host });
}

/**
 * Whether a Host header names this machine. A server on a loopback address must refuse other names: a page of an
 * attacker's site whose name was rebound to 127.0.0.1 would otherwise be of the same origin as we are.
 */
export function isLoopbackHost(header: string | undefined): boolean {
  if (header === undefined) return false;
  return LOOPBACK.test(header.replace(/:\d+$/, ""));
}

/** Browsers send Origin with every WebSocket handshake and no CORS check follows; other clients send none. */
export function isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
