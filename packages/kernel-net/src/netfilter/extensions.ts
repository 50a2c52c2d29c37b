import { AF_INET, AF_INET6, EINVAL, ENOENT, EPROTONOSUPPORT, IPPROTO_UDP } from '@sandbox/abi';
import {
  AddressTypeMatch,
  COMMENT_MATCH,
  ConnectionMarkMatch,
  ConnectionMarkTarget,
  CT_INVALID,
  IcmpMatch,
  type IdRange,
  IpAddress,
  LimitMatch,
  LogTarget,
  MarkMatch,
  MarkTarget,
  MasqueradeTarget,
  type Match,
  MultiportMatch,
  type NatRange,
  NatTarget,
  type Netfilter,
  type NetStack,
  NO_TRACK_TARGET,
  OwnerMatch,
  type PortRange,
  RedirectTarget,
  RejectTarget,
  ResetTarget,
  STATE_DESTINATION_CHANGED,
  STATE_SOURCE_CHANGED,
  STATE_UNTRACKED,
  StateMatch,
  type Target,
  TcpMatch,
  UdpMatch,
} from '@sandbox/net';
import { ERROR_TARGET, nameAt } from './layout.js';
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
  readonly read: (data: Data, place: Place) => T | null;
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
  // XT_CONNTRACK_STATE_SNAT, _DNAT and _UNTRACKED.
  if ((mask & 0x40) !== 0) bits |= STATE_SOURCE_CHANGED;
  if ((mask & 0x80) !== 0) bits |= STATE_DESTINATION_CHANGED;
  if ((mask & 0x100) !== 0) bits |= STATE_UNTRACKED;
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

const OWNER_UID = 1;
const OWNER_GID = 2;
const OWNER_SOCKET = 4;

/** struct xt_owner_match_info. */
function owner({ view, bytes }: Data): Match | null {
  const [match, invert] = [bytes[16]!, bytes[17]!];
  if ((match & ~(OWNER_UID | OWNER_GID | OWNER_SOCKET)) !== 0) return null;
  const range = (bit: number, at: number): IdRange | null =>
    (match & bit) === 0
      ? null
      : { low: view.getUint32(at, true), high: view.getUint32(at + 4, true), invert: (invert & bit) !== 0 };
  const exists = (match & OWNER_SOCKET) === 0 ? null : (invert & OWNER_SOCKET) === 0;
  return new OwnerMatch(range(OWNER_UID, 0), range(OWNER_GID, 8), exists);
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
  [
    'connmark',
    [
      {
        revision: 1,
        size: 12,
        read: ({ view, bytes }) =>
          new ConnectionMarkMatch(view.getUint32(0, true), view.getUint32(4, true), bytes[8] !== 0),
      },
    ],
  ],
  [
    'limit',
    [
      {
        // struct xt_rateinfo: a period in units of 0.1 ms, and how many at once.
        revision: 0,
        size: 40,
        read: ({ view }, { stack }) => {
          const period = view.getUint32(0, true) / 10;
          const burst = view.getUint32(4, true);
          return period === 0 || burst === 0 ? null : new LimitMatch(period, burst, () => stack.now());
        },
      },
    ],
  ],
  ['owner', [{ revision: 1, size: 20, read: owner }]],
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
        read: ({ view }, { stack }) => {
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
/** Random and persistent choices of ports are choices; more is not there. */
const NAT_FLAGS = 0x1f;

/** struct nf_nat_ipv4_multi_range_compat. */
function range({ view, bytes }: Data): NatRange | null {
  if (view.getUint32(0, true) !== 1) return null;
  return rangeAt(view, 4, 16, (at) => IpAddress.fromBytes4(bytes, at), 4);
}

/** struct nf_nat_range, and nf_nat_range2, which has one more field behind it. */
function wideRange({ view, bytes }: Data, { family }: Place): NatRange | null {
  const address = (at: number): IpAddress =>
    family === AF_INET ? IpAddress.fromBytes4(bytes, at) : IpAddress.fromBytes6(bytes, at);
  return rangeAt(view, 0, 36, address, 16);
}

function rangeAt(
  view: DataView,
  at: number,
  ports: number,
  address: (at: number) => IpAddress,
  width: number,
): NatRange | null {
  const flags = view.getUint32(at, true);
  if ((flags & ~NAT_FLAGS) !== 0) return null;
  const mapped = (flags & MAP_ADDRESSES) !== 0;
  const ported = (flags & MAP_PORTS) !== 0;
  return {
    low: mapped ? address(at + 4) : null,
    high: mapped ? address(at + 4 + width) : null,
    lowPort: ported ? view.getUint16(ports) : 0,
    highPort: ported ? view.getUint16(ports + 2) : 0,
  };
}

type MakeTarget = (stack: NetStack, range: NatRange) => Target;

function nat(
  make: MakeTarget,
  revision: number,
  size: number,
  family: number | undefined,
  read: (data: Data, place: Place) => NatRange | null,
): Extension<Target> {
  return {
    revision,
    size,
    ...(family === undefined ? {} : { family }),
    tables: ['nat'],
    read: (data, place) => {
      const found = read(data, place);
      return found === null ? null : make(place.stack, found);
    },
  };
}

/** SNAT and DNAT. */
function mapping(make: MakeTarget): readonly Extension<Target>[] {
  return [
    nat(make, 0, 20, AF_INET, range),
    nat(make, 1, 40, undefined, wideRange),
    nat(make, 2, 44, undefined, wideRange),
  ];
}

/** MASQUERADE and REDIRECT. */
function choosing(make: MakeTarget): readonly Extension<Target>[] {
  return [nat(make, 0, 20, AF_INET, range), nat(make, 0, 40, AF_INET6, wideRange)];
}

function reject(family: number): Extension<Target> {
  return {
    revision: 0,
    size: 4,
    family,
    tables: ['filter'],
    read: ({ view }, { stack }) => {
      const kind = view.getUint32(0, true);
      const found = rejections(family).get(kind);
      if (found === undefined) return null;
      return found === 'reset' ? new ResetTarget(stack) : new RejectTarget(stack, found[0], found[1]);
    },
  };
}

/** struct xt_ct_target_info and _v1: only to say that packets belong to no connection is there. */
function trackingOff(revision: number): Extension<Target> {
  return {
    revision,
    size: revision === 0 ? 40 : 72,
    tables: ['raw'],
    read: ({ view }) => (view.getUint16(0, true) === 1 ? NO_TRACK_TARGET : null),
  };
}

const CONNMARK_MODES = ['set', 'save', 'restore'] as const;

/** struct xt_connmark_tginfo1. */
function connectionMark({ view, bytes }: Data): Target | null {
  const mode = CONNMARK_MODES[bytes[12]!];
  if (mode === undefined) return null;
  const [mark, ctMask, packetMask] = [0, 4, 8].map((at) => view.getUint32(at, true));
  return new ConnectionMarkTarget(mode, mark!, ctMask!, packetMask!);
}

const TARGETS: ReadonlyMap<string, readonly Extension<Target>[]> = new Map<
  string,
  readonly Extension<Target>[]
>([
  ['SNAT', mapping((stack, r) => new NatTarget(stack, true, r))],
  ['DNAT', mapping((stack, r) => new NatTarget(stack, false, r))],
  ['MASQUERADE', choosing((stack, r) => new MasqueradeTarget(stack, r))],
  ['REDIRECT', choosing((stack, r) => new RedirectTarget(stack, r))],
  ['NOTRACK', [{ revision: 0, size: 0, tables: ['raw'], read: () => NO_TRACK_TARGET }]],
  [
    'LOG',
    [
      {
        revision: 0,
        size: 32,
        read: ({ view, bytes }, { filter }) =>
          new LogTarget(filter, view.getUint8(0), nameAt(bytes, 2, 30), view.getUint8(1)),
      },
    ],
  ],
  ['CT', [0, 1, 2].map(trackingOff)],
  ['CONNMARK', [{ revision: 1, size: 16, read: connectionMark }]],
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
  readonly filter: Netfilter;
  readonly family: number;
  /** null: a table of nf_tables', whose name says nothing. */
  readonly table: string | null;
}

function isOf(extension: Extension<unknown>, family: number): boolean {
  return (extension.family ?? family) === family;
}

function read<T>(
  known: ReadonlyMap<string, readonly Extension<T>[]>,
  name: string,
  revision: number,
  data: Uint8Array,
  place: Place,
): T | number {
  const extension = known.get(name)?.find((e) => e.revision === revision && isOf(e, place.family));
  if (extension === undefined || data.length < extension.size) return -EINVAL;
  if (place.table !== null && extension.tables?.includes(place.table) === false) return -EINVAL;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return extension.read({ view, bytes: data }, place) ?? -EINVAL;
}

export function readMatch(name: string, revision: number, data: Uint8Array, place: Place): Match | number {
  return read(MATCHES, name, revision, data, place);
}

export function readTarget(name: string, revision: number, data: Uint8Array, place: Place): Target | number {
  return read(TARGETS, name, revision, data, place);
}

/**
 * The best revision there is of a match or target (xt_find_revision). -ENOENT: none; -EPROTONOSUPPORT: not
 * the one that is asked for.
 */
export function revisionOf(target: boolean, name: string, family: number, revision: number): number {
  const standard = target && (name === '' || name === 'standard' || name === ERROR_TARGET);
  const known: readonly Extension<unknown>[] = (target ? TARGETS : MATCHES).get(name) ?? [];
  const there = standard ? [0] : known.filter((e) => isOf(e, family)).map((e) => e.revision);
  if (there.length === 0) return -ENOENT;
  return there.includes(revision) ? Math.max(...there) : -EPROTONOSUPPORT;
}
