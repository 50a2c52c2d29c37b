import { isIP } from 'node:net';

/**
 * An IPv4 or IPv6 address in text? (The stack has a parser, but is not there before a guest wants a network.)
 */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}
