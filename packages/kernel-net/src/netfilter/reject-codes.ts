import { AF_INET } from '@sandbox/abi';

/** An ICMP type and code, or a TCP segment. */
type Answer = readonly [type: number, code: number] | 'reset';

/** enum ipt_reject_with: destination unreachable, with a code. */
const V4: ReadonlyMap<number, Answer> = new Map<number, Answer>([
  [0, [3, 0]],
  [1, [3, 1]],
  [2, [3, 2]],
  [3, [3, 3]],
  [5, [3, 9]],
  [6, [3, 10]],
  [7, 'reset'],
  [8, [3, 13]],
]);

/** enum ip6t_reject_with. */
const V6: ReadonlyMap<number, Answer> = new Map<number, Answer>([
  [0, [1, 0]],
  [1, [1, 1]],
  [2, [1, 2]],
  [3, [1, 3]],
  [4, [1, 4]],
  [6, 'reset'],
  [7, [1, 5]],
  [8, [1, 6]],
]);

/** What each kind of REJECT sends. */
export function rejections(family: number): ReadonlyMap<number, Answer> {
  return family === AF_INET ? V4 : V6;
}
