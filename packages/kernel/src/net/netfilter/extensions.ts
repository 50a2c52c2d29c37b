import { AF_INET, AF_INET6, EINVAL, IPPROTO_UDP } from '@sandbox/abi';
import {
  AddressTypeMatch,
  COMMENT_MATCH,
  CT_INVALID,
  IcmpMatch,
  IpAddress,
  MarkMatch,
  MarkTarget,
  MasqueradeTarget,
  type Match,
  MultiportMatch,
  type NatRange,
  NatTarget,
  type NetStack,
  type PortRange,
  RedirectTarget,
  RejectTarget,
  ResetTarget,
  STATE_DESTINATION_CHANGED,
  STATE_SOURCE_CHANGED,
  StateMatch,
  type Target,
  TcpMatch,
  UdpMatch,
} from '@sandbox/net';
import { rejections } from './reject-codes.js';

/** The data of a match or target, little-endian but for what comes from packets. */
interface Data {
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

/** How one extension is read; null: it asks for what is not there. */
interface Extension<T> {
  readonly revision: number;
  readonly size: number;
  readonly family?: number;
  /** Tables it makes sense in. */
  readonly tables?: readonly string[];
  readonly read: (data: Data, stack: NetStack) => T | null;
}

function ports(view: DataView, at: number, invert: boolean): PortRange {
  return { low: view.getUint16(at, true), high: view.getUint16(at + 2, true), invert };
}

const CONNTRACK_STATE = 1;
const CONNTRACK_DIRECTION = 0x1000;
/** It was written as `-m state`. */
const CONNTRACK_STATE_ALIAS = 0x2000;

/** XT_STATE_*: INVALID is bit 0, then ESTABLISHED, RELATED, NEW. */
function states(mask: number): number {
  let bits = (mask >> 1) & 7;
  if ((mask & 1) !== 0) bits |= 1 << CT_INVALID;
  if ((mask & 0x40) !== 0) bits |= STATE_SOURCE_CHANGED;
  if ((mask & 0x80) !== 0) bits |= STATE_DESTINATION_CHANGED;
  return bits;
}

/** struct xt_conntrack_mtinfo1 to 3: what was asked for but states and directions is not there. */
function conntrack({ view }: Data, narrow: boolean): Match | null {
  const flags = view.getUint16(146, true);
  const invert = view.getUint16(148, true);
  if ((flags & ~(CONNTRACK_STATE | CONNTRACK_STATE_ALIAS | CONNTRACK_DIRECTION)) !== 0) return null;
  const mask = narrow ? view.getUint8(150) : view.getUint16(150, true);
  const wanted = (flags & CONNTRACK_STATE) !== 0 ? states(mask) : 0;
  // Inverted, the direction is the original one.
  const reply = (flags & CONNTRACK_DIRECTION) !== 0 ? (invert & CONNTRACK_DIRECTION) !== 0 : null;
  return new StateMatch(wanted, (invert & CONNTRACK_STATE) !== 0, reply);
}

function multiport({ view, bytes }: Data): Match | null {
  const [kind, count] = bytes;
  if (kind! > 2 || count! > 15) return null;
  const ranges: PortRange[] = [];
  for (let i = 0; i < count!; i++) {
    const low = view.getUint16(2 + i * 2, true);
    const isRange = bytes[32 + i] !== 0 && i + 1 < count!;
    ranges.push({ low, high: isRange ? view.getUint16(2 + ++i * 2, true) : low, invert: false });
  }
  return new MultiportMatch(kind !== 1, kind !== 0, ranges, bytes[47] !== 0);
}

const MATCHES: ReadonlyMap<string, readonly Extension<Match>[]> = new Map<
  string,
  readonly Extension<Match>[]
>([
  [
    'tcp',
    [
      {
        revision: 0,
        size: 12,
        read: ({ view, bytes }) =>
          new TcpMatch(
            ports(view, 0, (bytes[11]! & 1) !== 0),
            ports(view, 4, (bytes[11]! & 2) !== 0),
            bytes[9]!,
            bytes[10]!,
            (bytes[11]! & 4) !== 0,
            bytes[8]!,
            (bytes[11]! & 8) !== 0,
          ),
      },
    ],
  ],
  [
    'udp',
    [
      {
        revision: 0,
        size: 10,
        read: ({ view, bytes }) =>
          new UdpMatch(
            IPPROTO_UDP,
            ports(view, 0, (bytes[8]! & 1) !== 0),
            ports(view, 4, (bytes[8]! & 2) !== 0),
          ),
      },
    ],
  ],
  ['icmp', [{ revision: 0, size: 4, family: AF_INET, read: icmp }]],
  ['icmp6', [{ revision: 0, size: 4, read: icmp }]],
  [
    'state',
    [{ revision: 0, size: 4, read: ({ view }) => new StateMatch(states(view.getUint32(0, true)), false) }],
  ],
  [
    'conntrack',
    [
      { revision: 1, size: 152, read: (data) => conntrack(data, true) },
      { revision: 2, size: 156, read: (data) => conntrack(data, false) },
      { revision: 3, size: 164, read: (data) => conntrack(data, false) },
    ],
  ],
  ['comment', [{ revision: 0, size: 256, read: () => COMMENT_MATCH }]],
  ['multiport', [{ revision: 1, size: 48, read: multiport }]],
  [
    'mark',
    [
      {
        revision: 1,
        size: 12,
        read: ({ view, bytes }) =>
          new MarkMatch(view.getUint32(0, true), view.getUint32(4, true), bytes[8] !== 0),
      },
    ],
  ],
  [
    'addrtype',
    [
      {
        revision: 1,
        size: 8,
        read: ({ view }, stack) => {
          const flags = view.getUint32(4, true);
          // To be judged by one interface alone is not there.
          if ((flags & ~3) !== 0) return null;
          const [source, destination] = [view.getUint16(0, true), view.getUint16(2, true)];
          return new AddressTypeMatch(stack, source, destination, (flags & 1) !== 0, (flags & 2) !== 0);
        },
      },
    ],
  ],
]);

function icmp({ bytes }: Data): Match {
  return new IcmpMatch(bytes[0]!, bytes[1]!, bytes[2]!, (bytes[3]! & 1) !== 0);
}

const MAP_ADDRESSES = 1;
const MAP_PORTS = 2;

/** struct nf_nat_ipv4_multi_range_compat. */
function range({ view, bytes }: Data): NatRange | null {
  if (view.getUint32(0, true) !== 1) return null;
  const flags = view.getUint32(4, true);
  // Random and persistent choices of ports are choices; more is not there.
  if ((flags & ~0x1f) !== 0) return null;
  const mapped = (flags & MAP_ADDRESSES) !== 0;
  const ported = (flags & MAP_PORTS) !== 0;
  return {
    low: mapped ? IpAddress.fromBytes4(bytes, 8) : null,
    high: mapped ? IpAddress.fromBytes4(bytes, 12) : null,
    lowPort: ported ? view.getUint16(16) : 0,
    highPort: ported ? view.getUint16(18) : 0,
  };
}

function nat(make: (stack: NetStack, range: NatRange) => Target): readonly Extension<Target>[] {
  return [
    {
      revision: 0,
      size: 20,
      family: AF_INET,
      tables: ['nat'],
      read: (data, stack) => {
        const found = range(data);
        return found === null ? null : make(stack, found);
      },
    },
  ];
}

function reject(family: number): Extension<Target> {
  return {
    revision: 0,
    size: 4,
    family,
    tables: ['filter'],
    read: ({ view }, stack) => {
      const kind = view.getUint32(0, true);
      const found = rejections(family).get(kind);
      if (found === undefined) return null;
      return found === 'reset' ? new ResetTarget(stack) : new RejectTarget(stack, found[0], found[1]);
    },
  };
}

const TARGETS: ReadonlyMap<string, readonly Extension<Target>[]> = new Map<
  string,
  readonly Extension<Target>[]
>([
  ['SNAT', nat((stack, r) => new NatTarget(stack, true, r))],
  ['DNAT', nat((stack, r) => new NatTarget(stack, false, r))],
  ['MASQUERADE', nat((stack, r) => new MasqueradeTarget(stack, r))],
  ['REDIRECT', nat((stack, r) => new RedirectTarget(stack, r))],
  ['REJECT', [reject(AF_INET), reject(AF_INET6)]],
  [
    'MARK',
    [
      {
        revision: 2,
        size: 8,
        tables: ['mangle'],
        read: ({ view }) => new MarkTarget(view.getUint32(0, true), view.getUint32(4, true)),
      },
    ],
  ],
]);

/** Where an extension is asked for. */
export interface Place {
  readonly stack: NetStack;
  readonly family: number;
  readonly table: string;
}

function read<T>(
  known: ReadonlyMap<string, readonly Extension<T>[]>,
  name: string,
  revision: number,
  data: Uint8Array,
  place: Place,
): T | number {
  const extension = known
    .get(name)
    ?.find((e) => e.revision === revision && (e.family ?? place.family) === place.family);
  if (extension === undefined || data.length < extension.size) return -EINVAL;
  if (extension.tables?.includes(place.table) === false) return -EINVAL;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return extension.read({ view, bytes: data }, place.stack) ?? -EINVAL;
}

export function readMatch(name: string, revision: number, data: Uint8Array, place: Place): Match | number {
  return read(MATCHES, name, revision, data, place);
}

export function readTarget(name: string, revision: number, data: Uint8Array, place: Place): Target | number {
  return read(TARGETS, name, revision, data, place);
}

/** The revisions there are of a match or target. */
export function revisions(target: boolean, name: string, family: number): readonly number[] {
  const known: readonly Extension<unknown>[] = (target ? TARGETS : MATCHES).get(name) ?? [];
  return known.filter((e) => (e.family ?? family) === family).map((e) => e.revision);
}
