import { IF_OPER_DOWN, IF_OPER_LOWERLAYERDOWN, IF_OPER_UNKNOWN, IF_OPER_UP } from '@sandbox/abi';
import { DummyLink, type NetInterface, VethLink } from '@sandbox/net';

/** RFC 2863 state of an interface: IFLA_OPERSTATE, and its name under /sys/class/net. */
export function operationalState(iface: NetInterface): { readonly code: number; readonly name: string } {
  if (!iface.adminUp) return { code: IF_OPER_DOWN, name: 'down' };
  // These never tell of carrier.
  if (iface.loopback || iface.link instanceof DummyLink) return { code: IF_OPER_UNKNOWN, name: 'unknown' };
  if (iface.link.up) return { code: IF_OPER_UP, name: 'up' };
  return iface.link instanceof VethLink
    ? { code: IF_OPER_LOWERLAYERDOWN, name: 'lowerlayerdown' }
    : { code: IF_OPER_DOWN, name: 'down' };
}
