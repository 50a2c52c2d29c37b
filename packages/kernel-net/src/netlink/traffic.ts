import { AF_UNSPEC, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, NLM_F_DUMP, RTM_NEWQDISC } from '@sandbox/abi';
import { type NetInterface, u32At } from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';

/** struct tcmsg: family, then interface, handle, parent and info, of 4 bytes each. */
const TCMSG = { SIZE: 20, ifindex: 4, handle: 8, parent: 12, info: 16 } as const;
const TC_H_ROOT = 0xffffffff;
const TCA_KIND = 1;
const TCA_HW_OFFLOAD = 12;
/** References of a discipline that is the only one of its device. */
const REFERENCES = 2;

/** The queueing discipline of an interface: packets go out at once, whatever it is called. */
export function disciplineOf(iface: NetInterface): string {
  if (!iface.adminUp) return 'noop';
  return iface.loopback ? 'noqueue' : 'pfifo_fast';
}

/** RTM_GETQDISC: what each interface that is up has (tc(8)). */
export function dumpDisciplines(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if ((request.flags & NLM_F_DUMP) === 0) return -EOPNOTSUPP;
  if (request.payload.length < TCMSG.SIZE) return -EINVAL;
  const wanted = u32At(request.payload, TCMSG.ifindex);
  reply.dump();
  for (const iface of network.stack.interfaces) {
    if (!iface.adminUp || (wanted !== 0 && iface.index !== wanted)) continue;
    const w = reply.begin(RTM_NEWQDISC);
    const at = w.header(TCMSG.SIZE);
    w.set8(at, AF_UNSPEC);
    w.set32(at + TCMSG.ifindex, iface.index);
    w.set32(at + TCMSG.parent, TC_H_ROOT);
    w.set32(at + TCMSG.info, REFERENCES);
    w.string(TCA_KIND, disciplineOf(iface));
    w.u8(TCA_HW_OFFLOAD, 0);
    reply.end();
  }
  return 0;
}

/** RTM_NEWQDISC: a kernel without any discipline to choose. */
export function newDiscipline(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if (request.payload.length < TCMSG.SIZE) return -EINVAL;
  if (network.stack.interfaceByIndex(u32At(request.payload, TCMSG.ifindex)) === undefined) return -ENODEV;
  return reply.refuse(ENOENT, 'Specified qdisc kind is unknown');
}

/** RTM_DELQDISC: what comes with an interface stays. */
export function deleteDiscipline(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if (request.payload.length < TCMSG.SIZE) return -EINVAL;
  if (network.stack.interfaceByIndex(u32At(request.payload, TCMSG.ifindex)) === undefined) return -ENODEV;
  return reply.refuse(ENOENT, 'Cannot delete qdisc with handle of zero');
}

/** RTM_GETTCLASS and RTM_GETTFILTER: no discipline here has classes or filters. */
export function dumpNothing(_network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if ((request.flags & NLM_F_DUMP) === 0) return -EOPNOTSUPP;
  reply.dump();
  return 0;
}
