import type { LandlockDomain } from './domain.js';

/**
 * Does `scope` (LANDLOCK_SCOPE_*) keep something of `client` away from something of `server`
 * (domain_is_scoped)? A layer with that scope lets through only what is under it too.
 */
export function isScoped(
  client: LandlockDomain | null,
  server: LandlockDomain | null,
  scope: number,
): boolean {
  if (client === null) return false;
  let at: LandlockDomain | null = client;
  let other = server;
  let layer = client.layers - 1;
  const depth = server === null ? -1 : server.layers - 1;
  for (; layer > depth; layer--) {
    if ((client.scoped[layer]! & scope) !== 0) return true;
    at = at!.parent;
  }
  for (let i = depth; i > layer; i--) other = other!.parent;
  for (; layer >= 0; layer--) {
    if ((client.scoped[layer]! & scope) !== 0) return other !== at;
    at = at!.parent;
    other = other!.parent;
  }
  return false;
}
