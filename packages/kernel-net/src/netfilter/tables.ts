import {
  AF_INET,
  CAP_NET_ADMIN,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOPROTOOPT,
  EPERM,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import {
  HOOK_OUTPUT,
  HOOK_PREROUTING,
  HOOKS,
  type HookKind,
  PRIORITY_DNAT,
  PRIORITY_SNAT,
  RuleTable,
  type Visit,
} from '@sandbox/net';
import type { Network } from '../network.js';
import { type ReadTable, readTable } from './entries.js';
import { revisionOf } from './extensions.js';
import {
  ENTRY4,
  ENTRY6,
  type EntryLayout,
  ERROR_SIZE,
  ERROR_TARGET,
  EXTENSION,
  nameAt,
  STANDARD_SIZE,
  TABLE_HOOKS,
  VERDICT_ACCEPT,
} from './layout.js';

/** Socket options of iptables(8), the same numbers to set and to get. */
export const XT_FIRST = 64;
export const XT_LAST = 69;
const SET_REPLACE = 64;
const SET_ADD_COUNTERS = 65;
const GET_INFO = 64;
const GET_ENTRIES = 65;
const GET_REVISION_MATCH = 66;
const GET_REVISION_TARGET = 67;
const GET_REVISION_MATCH_6 = 68;
const GET_REVISION_TARGET_6 = 69;

const NAME = 32;
/** struct ipt_getinfo, ipt_get_entries, ipt_replace, xt_counters_info, xt_counters, xt_get_revision. */
const INFO_SIZE = 84;
const ENTRIES_AT = 40;
const REPLACE_SIZE = 96;
const COUNTERS_AT = 40;
const COUNTER = 16;
const REVISION_SIZE = 30;
/** Bytes of rules a guest may have the embedder keep, for each table. */
const MOST_BYTES = 4 << 20;

/** A table, with the bytes it was made of: they are what iptables gets back. */
class Table {
  readonly rules: RuleTable;

  constructor(
    readonly name: string,
    readonly layout: EntryLayout,
    readonly hooks: number,
    public bytes: Uint8Array,
    public hookEntries: readonly number[],
    public underflows: readonly number[],
    public read: ReadTable,
  ) {
    this.rules = new RuleTable(name, read.rules, read.entries, read.policies);
  }

  replace(
    bytes: Uint8Array,
    hookEntries: readonly number[],
    underflows: readonly number[],
    read: ReadTable,
  ): void {
    this.bytes = bytes;
    this.hookEntries = hookEntries;
    this.underflows = underflows;
    this.read = read;
    this.rules.rules = read.rules;
    this.rules.entries = read.entries;
    this.rules.policies = read.policies;
  }

  /** The counters of all rules (struct xt_counters). */
  counters(): Uint8Array {
    const { rules } = this.read;
    const out = new DataView(new ArrayBuffer(rules.length * COUNTER));
    rules.forEach((rule, i) => {
      store64(out, i * COUNTER, rule.packets);
      store64(out, i * COUNTER + 8, rule.bytes);
    });
    return new Uint8Array(out.buffer);
  }
}

function store64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function load64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Tables that do more than let packets pass or not. */
const KINDS: ReadonlyMap<string, HookKind> = new Map([
  ['nat', 'nat'],
  ['mangle', 'route'],
]);

/** Where a table stands among all rules at a hook (enum nf_ip_hook_priorities). */
function priorityOf(table: string, hook: number): number {
  switch (table) {
    case 'raw':
      return -300;
    case 'mangle':
      return -150;
    case 'nat':
      return hook === HOOK_PREROUTING || hook === HOOK_OUTPUT ? PRIORITY_DNAT : PRIORITY_SNAT;
    case 'security':
      return 50;
    default:
      return 0;
  }
}

/**
 * The tables of iptables(8) and ip6tables(8) in one network namespace: their socket options
 * (linux/netfilter_ipv4/ip_tables.h).
 */
export class Xtables {
  private readonly tables4 = new Map<string, Table>();
  private readonly tables6 = new Map<string, Table>();

  constructor(private readonly network: Network) {}

  /** Names of the tables there are, the latest first: /proc/net/ip_tables_names. */
  names(family: number): string[] {
    return [...this.of(family).keys()].reverse();
  }

  private of(family: number): Map<string, Table> {
    return family === AF_INET ? this.tables4 : this.tables6;
  }

  /** getsockopt(2) at SOL_IP or SOL_IPV6. */
  get(t: Task, family: number, name: number, addr: number, lengthAddr: number): number {
    if (!this.network.may(t.cred, CAP_NET_ADMIN)) return -EPERM;
    const length = t.mm.load32(lengthAddr);
    if (length < 0) return -EFAULT;
    switch (name) {
      case GET_INFO:
        return this.info(t, family, addr, length);
      case GET_ENTRIES:
        return this.entries(t, family, addr, length);
      case GET_REVISION_MATCH:
      case GET_REVISION_TARGET:
        return family === AF_INET
          ? revision(t, family, name === GET_REVISION_TARGET, addr, length)
          : -ENOPROTOOPT;
      case GET_REVISION_MATCH_6:
      case GET_REVISION_TARGET_6:
        return family === AF_INET
          ? -ENOPROTOOPT
          : revision(t, family, name === GET_REVISION_TARGET_6, addr, length);
      default:
        return -EINVAL;
    }
  }

  /** setsockopt(2) at SOL_IP or SOL_IPV6. */
  set(t: Task, family: number, name: number, addr: number, length: number): number {
    if (!this.network.may(t.cred, CAP_NET_ADMIN)) return -EPERM;
    if (name === SET_REPLACE) return this.replace(t, family, addr, length);
    return name === SET_ADD_COUNTERS ? this.addCounters(t, family, addr, length) : -EINVAL;
  }

  /** The table `name`, made when it is asked for first. */
  private table(name: string, family: number): Table | null {
    const tables = this.of(family);
    const known = tables.get(name);
    if (known !== undefined) return known;
    const hooks = TABLE_HOOKS.get(name);
    if (hooks === undefined) return null;
    const layout = family === AF_INET ? ENTRY4 : ENTRY6;
    const { bytes, offsets } = emptyTable(layout, hooks);
    const read = this.read(name, layout, hooks, bytes, offsets, offsets);
    if (typeof read === 'number') return null;
    const table = new Table(name, layout, hooks, bytes, offsets, offsets, read);
    tables.set(name, table);
    this.install(family, table);
    return table;
  }

  private install(family: number, table: Table): void {
    const { filter } = this.network;
    for (let hook = 0; hook < HOOKS; hook++) {
      if ((table.hooks & (1 << hook)) === 0) continue;
      const priority = priorityOf(table.name, hook);
      const evaluate = (visit: Visit): number => table.rules.evaluate(visit);
      filter.attach(family === AF_INET, hook, KINDS.get(table.name) ?? 'filter', { priority, evaluate });
    }
  }

  private read(
    table: string,
    layout: EntryLayout,
    hooks: number,
    bytes: Uint8Array,
    hookEntries: readonly number[],
    underflows: readonly number[],
  ): ReadTable | number {
    const { stack, filter } = this.network;
    const place = { stack, filter, family: layout.family, table };
    return readTable(bytes, layout, hooks, hookEntries, underflows, place);
  }

  private info(t: Task, family: number, addr: number, length: number): number {
    if (length !== INFO_SIZE) return -EINVAL;
    const bytes = new Uint8Array(INFO_SIZE);
    if (t.mm.copyIn(addr, bytes, 0, INFO_SIZE) < 0) return -EFAULT;
    const table = this.table(nameAt(bytes, 0, NAME), family);
    if (table === null) return -ENOENT;
    const view = new DataView(bytes.buffer);
    view.setUint32(32, table.hooks, true);
    for (let hook = 0; hook < HOOKS; hook++) {
      view.setUint32(36 + hook * 4, table.hookEntries[hook]!, true);
      view.setUint32(56 + hook * 4, table.underflows[hook]!, true);
    }
    view.setUint32(76, table.read.rules.length, true);
    view.setUint32(80, table.bytes.length, true);
    return t.mm.copyOut(addr, bytes, 0, INFO_SIZE) < 0 ? -EFAULT : 0;
  }

  private entries(t: Task, family: number, addr: number, length: number): number {
    if (length < ENTRIES_AT) return -EINVAL;
    const head = new Uint8Array(ENTRIES_AT);
    if (t.mm.copyIn(addr, head, 0, ENTRIES_AT) < 0) return -EFAULT;
    const size = new DataView(head.buffer).getUint32(NAME, true);
    if (length !== ENTRIES_AT + size) return -EINVAL;
    const table = this.table(nameAt(head, 0, NAME), family);
    if (table === null) return -ENOENT;
    // Somebody else replaced it meanwhile: iptables asks again.
    if (size !== table.bytes.length) return -EAGAIN;
    const out = table.bytes.slice();
    const view = new DataView(out.buffer);
    table.read.rules.forEach((rule, i) => {
      const at = table.read.offsets[i]! + table.layout.counters;
      store64(view, at, rule.packets);
      store64(view, at + 8, rule.bytes);
    });
    return t.mm.copyOut(addr + ENTRIES_AT, out, 0, size) < 0 ? -EFAULT : 0;
  }

  private replace(t: Task, family: number, addr: number, length: number): number {
    const head = new Uint8Array(REPLACE_SIZE);
    if (length < REPLACE_SIZE || t.mm.copyIn(addr, head, 0, REPLACE_SIZE) < 0) return -EFAULT;
    const view = new DataView(head.buffer);
    const size = view.getUint32(40, true);
    const countersWanted = view.getUint32(84, true);
    if (size > MOST_BYTES) return -ENOMEM;
    if (length !== REPLACE_SIZE + size) return -ENOPROTOOPT;
    const table = this.table(nameAt(head, 0, NAME), family);
    if (table === null) return -ENOENT;
    if (view.getUint32(32, true) !== table.hooks) return -EINVAL;
    const bytes = new Uint8Array(size);
    if (t.mm.copyIn(addr + REPLACE_SIZE, bytes, 0, size) < 0) return -EFAULT;
    const offsets = (at: number): number[] =>
      Array.from({ length: HOOKS }, (_, i) => view.getUint32(at + i * 4, true));
    const hookEntries = offsets(44);
    const underflows = offsets(64);
    const read = this.read(table.name, table.layout, table.hooks, bytes, hookEntries, underflows);
    if (typeof read === 'number') return read;
    if (read.rules.length !== view.getUint32(36, true)) return -EINVAL;
    if (countersWanted !== table.read.rules.length) return -EAGAIN;
    const old = table.counters();
    table.replace(bytes, hookEntries, underflows, read);
    // The counts of the rules that were there go to whoever replaced them; if they cannot, nothing is undone.
    const to = load64(view, 88);
    t.mm.copyOut(to, old, 0, old.length);
    return 0;
  }

  private addCounters(t: Task, family: number, addr: number, length: number): number {
    if (length < COUNTERS_AT || length > MOST_BYTES) return -EINVAL;
    const bytes = new Uint8Array(length);
    if (t.mm.copyIn(addr, bytes, 0, length) < 0) return -EFAULT;
    const view = new DataView(bytes.buffer);
    const count = view.getUint32(NAME, true);
    if (length !== COUNTERS_AT + count * COUNTER) return -EINVAL;
    const table = this.of(family).get(nameAt(bytes, 0, NAME));
    if (table === undefined) return -ENOENT;
    const { rules } = table.read;
    if (rules.length !== count) return -EINVAL;
    rules.forEach((rule, i) => {
      rule.packets += load64(view, COUNTERS_AT + i * COUNTER);
      rule.bytes += load64(view, COUNTERS_AT + i * COUNTER + 8);
    });
    return 0;
  }
}

/** Is the revision of a match or target that is asked for there (xt_find_revision)? */
function revision(t: Task, family: number, target: boolean, addr: number, length: number): number {
  if (length !== REVISION_SIZE) return -EINVAL;
  const bytes = new Uint8Array(REVISION_SIZE);
  if (t.mm.copyIn(addr, bytes, 0, REVISION_SIZE) < 0) return -EFAULT;
  const name = nameAt(bytes, 0, EXTENSION.nameLength);
  const r = revisionOf(target, name, family, bytes[29]!);
  return Math.min(r, 0);
}

/** A table whose chains let everything pass. */
function emptyTable(layout: EntryLayout, hooks: number): { bytes: Uint8Array; offsets: number[] } {
  const policy = layout.size + STANDARD_SIZE;
  const count = Array.from({ length: HOOKS }, (_, i) => (hooks >> i) & 1).filter((bit) => bit === 1).length;
  const bytes = new Uint8Array(count * policy + layout.size + ERROR_SIZE);
  const view = new DataView(bytes.buffer);
  const offsets: number[] = [];
  let at = 0;
  const entry = (target: number): void => {
    view.setUint16(at + layout.targetOffset, layout.size, true);
    view.setUint16(at + layout.nextOffset, layout.size + target, true);
    view.setUint16(at + layout.size, target, true);
  };
  for (let hook = 0; hook < HOOKS; hook++) {
    const there = (hooks & (1 << hook)) !== 0;
    offsets.push(there ? at : 0);
    if (!there) continue;
    entry(STANDARD_SIZE);
    view.setInt32(at + layout.size + EXTENSION.SIZE, VERDICT_ACCEPT, true);
    at += policy;
  }
  entry(ERROR_SIZE);
  for (let i = 0; i < ERROR_TARGET.length; i++) {
    const code = ERROR_TARGET.charCodeAt(i);
    bytes[at + layout.size + EXTENSION.name + i] = code;
    bytes[at + layout.size + EXTENSION.SIZE + i] = code;
  }
  return { bytes, offsets };
}
