import { type IpAddress, parseCidr } from '../core/address.js';

/**
 * Ranges that are not the public internet (RFC 6890 and its registry): a name must not lead there unasked.
 */
const SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/8',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].map((text) => parseCidr(text)!);

/** Is it private, local, reserved, or a disguise of another address? */
export function isSpecial(address: IpAddress): boolean {
  const plain = address.unmapped;
  return SPECIAL.some(({ address: prefix, prefixLength }) => plain.inPrefix(prefix, prefixLength));
}
