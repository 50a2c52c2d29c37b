import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { IpAddress } from '@sandbox/net';

/** Is a dump for `asked` (0: all) about objects of `family`? */
export function wantsFamily(asked: number, family: number): boolean {
  return asked === family || (asked !== AF_INET && asked !== AF_INET6);
}

/** 0.0.0.0 or ::. */
export function anyOf(family: number): IpAddress {
  return family === AF_INET ? IpAddress.ANY4 : IpAddress.ANY6;
}
