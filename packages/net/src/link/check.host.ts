import { ERRNO_NAMES } from '@sandbox/abi';

/**
 * `result`, unless it is `-errno`: then throws an `Error` whose `code` is its name ('EPERM') and `errno` its
 * number.
 */
export function check(result: number, what: string): number {
  if (result >= 0) return result;
  const code = ERRNO_NAMES[-result] ?? `errno ${-result}`;
  throw Object.assign(new Error(`${what}: ${code}`), { code, errno: -result });
}
