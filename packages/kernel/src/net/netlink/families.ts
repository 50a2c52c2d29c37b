import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { IpAddress } from '@sandbox/net';

/** Is a dump for `asked` (0: all) about objects of `family`? */
export function wantsFamily(asked: number, family: number): boolean {
  return asked === family || (asked !== AF_INET && asked !== AF_INET6);
}

/** An address attribute of `family`; null: not there, or not of its length. */
export function addressOf(
  attributes: Map<number, Uint8Array>,
  type: number,
  family: number,
): IpAddress | null {
  const value = attributes.get(type);
  if (value === undefined) return null;
  if (family === AF_INET) return value.length >= 4 ? IpAddress.fromBytes4(value) : null;
  return value.length >= 16 ? IpAddress.fromBytes6(value) : null;
}

/** 0.0.0.0 or ::. */
export function anyOf(family: number): IpAddress {
  return family === AF_INET ? IpAddress.ANY4 : IpAddress.ANY6;
}
