import {
  CAP_NET_ADMIN,
  EBADF,
  EEXIST,
  EINVAL,
  ENOSPC,
  EPERM,
  ESRCH,
  NETNSA_FD,
  NETNSA_NSID,
  NETNSA_PID,
  NLM_F_DUMP,
  RTM_NEWNSID,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { NetNamespace, namespaceOf } from '@sandbox/kernel-core/process';
import { parseAttributes, u32At, u32Of } from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';

/** struct rtgenmsg, aligned. */
const HEADER = 4;
const NOT_ASSIGNED = -1;
const MOST_NUMBERS = 4096;

/**
 * The namespace a pair of attributes names: a process's, or that of an open /proc/PID/ns/net. null: neither
 * is there; -ESRCH, -EBADF, -EINVAL.
 */
export function namedNamespace(
  attributes: Map<number, Uint8Array>,
  pidAttribute: number,
  fdAttribute: number,
  caller: Task,
): NetNamespace | null | number {
  const pid = attributes.get(pidAttribute);
  if (pid !== undefined) {
    const task = caller.pids.tasks.get(u32At(pid, 0));
    return task === undefined ? -ESRCH : task.nsSet.net;
  }
  const fd = attributes.get(fdAttribute);
  if (fd === undefined) return null;
  const file = caller.files.get(u32At(fd, 0) | 0);
  if (!file) return -EBADF;
  const object = namespaceOf(file)?.object;
  return object instanceof NetNamespace ? object : -EINVAL;
}

/** The number `ns` has in `network`: made up when `assign`, else NOT_ASSIGNED. */
export function namespaceNumber(network: Network, ns: NetNamespace, assign: boolean): number {
  const { nsNumbers } = network;
  const known = nsNumbers.get(ns);
  if (known !== undefined) return known;
  if (!assign) return NOT_ASSIGNED;
  const taken = new Set(nsNumbers.values());
  let number = 0;
  while (taken.has(number)) number++;
  nsNumbers.set(ns, number);
  return number;
}

function write(reply: NetlinkReply, number: number): void {
  const w = reply.begin(RTM_NEWNSID);
  w.header(HEADER);
  w.u32(NETNSA_NSID, number);
  reply.end();
}

/** RTM_GETNSID: the number a namespace has here, or all there are. */
export function getNumber(
  network: Network,
  request: NetlinkRequest,
  reply: NetlinkReply,
  caller: Task,
): number {
  if ((request.flags & NLM_F_DUMP) !== 0) {
    reply.dump();
    for (const number of network.nsNumbers.values()) write(reply, number);
    return 0;
  }
  const attributes = parseAttributes(request.payload, HEADER);
  const ns = namedNamespace(attributes, NETNSA_PID, NETNSA_FD, caller);
  if (typeof ns === 'number') return ns;
  if (ns === null) return -EINVAL;
  write(reply, namespaceNumber(network, ns, false));
  return 0;
}

/** RTM_NEWNSID: give a namespace a number. -EEXIST: it has one; -ENOSPC: somebody else has this one. */
export function newNumber(
  network: Network,
  request: NetlinkRequest,
  _reply: NetlinkReply,
  caller: Task,
): number {
  const attributes = parseAttributes(request.payload, HEADER);
  if (!attributes.has(NETNSA_NSID)) return -EINVAL;
  const ns = namedNamespace(attributes, NETNSA_PID, NETNSA_FD, caller);
  if (typeof ns === 'number') return ns;
  if (ns === null) return -EINVAL;
  const { nsNumbers } = network;
  if (nsNumbers.has(ns)) return -EEXIST;
  const wanted = u32Of(attributes, NETNSA_NSID) | 0;
  if (wanted < 0) namespaceNumber(network, ns, true);
  else if ([...nsNumbers.values()].includes(wanted) || nsNumbers.size >= MOST_NUMBERS) return -ENOSPC;
  else nsNumbers.set(ns, wanted);
  return 0;
}

/** Has `caller` the right to put interfaces into `ns`? 0 or -EPERM. */
export function mayPutInto(ns: NetNamespace, caller: Task): number {
  return caller.cred.capableIn(ns.userNs, CAP_NET_ADMIN) ? 0 : -EPERM;
}
