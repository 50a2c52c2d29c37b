import { AF_INET, EINVAL, ELOOP } from '@sandbox/abi';
import {
  ACCEPT,
  DROP,
  type FilterRule,
  HOOKS,
  IpAddress,
  type Match,
  type NamePattern,
  RETURN,
  type Selector,
  type Target,
} from '@sandbox/net';
import { type Place, readMatch, readTarget } from './extensions.js';
import {
  ALIGN,
  type EntryLayout,
  ERROR_TARGET,
  EXTENSION,
  FLAG_FRAGMENT,
  FLAG_GOTO_4,
  FLAG_GOTO_6,
  INVERT,
  nameAt,
  STANDARD_SIZE,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_RETURN,
} from './layout.js';

/** A table as it was handed in, read. */
export interface ReadTable {
  readonly rules: FilterRule[];
  /** Where each rule begins in the bytes. */
  readonly offsets: readonly number[];
  /** Index of the first rule and of the policy of each hook; -1: no chain there. */
  readonly entries: readonly number[];
  readonly policies: readonly number[];
}

interface Raw {
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

/**
 * Read the entries of a table (translate_table). `hookEntries` and `underflows` are offsets, for the hooks in
 * `hooks`. -EINVAL: they make no sense, or ask for what is not there; -ELOOP: chains call each other in a
 * circle.
 */
export function readTable(
  bytes: Uint8Array,
  layout: EntryLayout,
  hooks: number,
  hookEntries: readonly number[],
  underflows: readonly number[],
  place: Place,
): ReadTable | number {
  const raw: Raw = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
  const offsets = findEntries(raw, layout);
  if (typeof offsets === 'number') return offsets;
  const indexOf = new Map(offsets.map((offset, index) => [offset, index]));
  const rules: FilterRule[] = [];
  for (const offset of offsets) {
    const rule = readRule(raw, offset, layout, indexOf, place);
    if (typeof rule === 'number') return rule;
    rules.push(rule);
  }
  const entries: number[] = [];
  const policies: number[] = [];
  for (let hook = 0; hook < HOOKS; hook++) {
    const there = (hooks & (1 << hook)) !== 0;
    const entry = there ? indexOf.get(hookEntries[hook]!) : -1;
    const policy = there ? indexOf.get(underflows[hook]!) : -1;
    if (entry === undefined || policy === undefined) return -EINVAL;
    // A policy is a rule for all packets that lets them pass or not.
    const last = there ? rules[policy]! : null;
    if (last !== null && (last.matches.length > 0 || (last.verdict !== DROP && last.verdict !== ACCEPT)))
      return -EINVAL;
    entries.push(entry);
    policies.push(policy);
  }
  const last = rules.at(-1);
  if (last === undefined || last.verdict !== DROP || last.target !== null) return -EINVAL;
  return circles(rules, entries) ? -ELOOP : { rules, offsets, entries, policies };
}

/** Offsets of the entries, which fill the bytes one behind the other. */
function findEntries({ view, bytes }: Raw, layout: EntryLayout): number[] | number {
  const offsets: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at % ALIGN !== 0 || at + layout.size + EXTENSION.SIZE > bytes.length) return -EINVAL;
    const target = view.getUint16(at + layout.targetOffset, true);
    const next = view.getUint16(at + layout.nextOffset, true);
    if (target < layout.size || target + EXTENSION.SIZE > next || at + next > bytes.length) return -EINVAL;
    offsets.push(at);
    at += next;
  }
  return offsets;
}

function readRule(
  raw: Raw,
  at: number,
  layout: EntryLayout,
  indexOf: ReadonlyMap<number, number>,
  place: Place,
): FilterRule | number {
  const { view } = raw;
  const targetAt = at + view.getUint16(at + layout.targetOffset, true);
  const end = at + view.getUint16(at + layout.nextOffset, true);
  const matches: Match[] = [];
  for (let m = at + layout.size; m < targetAt; ) {
    const size = view.getUint16(m, true);
    if (size < EXTENSION.SIZE || m + size > targetAt) return -EINVAL;
    const match = readMatch(nameOf(raw, m), raw.bytes[m + EXTENSION.revision]!, dataOf(raw, m, size), place);
    if (typeof match === 'number') return match;
    matches.push(match);
    m += size;
  }
  const size = view.getUint16(targetAt, true);
  if (size < EXTENSION.SIZE || targetAt + size > end) return -EINVAL;
  const action = readAction(raw, at, targetAt, size, layout, indexOf, place);
  if (typeof action === 'number') return action;
  return { selector: readSelector(raw, at, layout), matches, ...action, packets: 0, bytes: 0 };
}

function nameOf({ bytes }: Raw, at: number): string {
  return nameAt(bytes, at + EXTENSION.name, EXTENSION.nameLength);
}

function dataOf({ bytes }: Raw, at: number, size: number): Uint8Array {
  return bytes.subarray(at + EXTENSION.SIZE, at + size);
}

type Action = Pick<FilterRule, 'verdict' | 'jump' | 'comesBack' | 'target'>;

const verdict = (value: number): Action => ({ verdict: value, jump: -1, comesBack: false, target: null });

function readAction(
  raw: Raw,
  at: number,
  targetAt: number,
  size: number,
  layout: EntryLayout,
  indexOf: ReadonlyMap<number, number>,
  place: Place,
): Action | number {
  const name = nameOf(raw, targetAt);
  // The head of a chain, and the end of the table: nothing gets there.
  if (name === ERROR_TARGET) return verdict(DROP);
  if (name !== '') {
    const revision = raw.bytes[targetAt + EXTENSION.revision]!;
    const target = readTarget(name, revision, dataOf(raw, targetAt, size), place);
    return typeof target === 'number' ? target : { ...verdict(0), verdict: null, target: target as Target };
  }
  if (size !== STANDARD_SIZE) return -EINVAL;
  const code = raw.view.getInt32(targetAt + EXTENSION.SIZE, true);
  if (code === VERDICT_DROP) return verdict(DROP);
  if (code === VERDICT_ACCEPT) return verdict(ACCEPT);
  if (code === VERDICT_RETURN) return verdict(RETURN);
  const jump = code < 0 ? undefined : indexOf.get(code);
  if (jump === undefined) return -EINVAL;
  const goto = layout.family === AF_INET ? FLAG_GOTO_4 : FLAG_GOTO_6;
  const comesBack = (raw.bytes[at + layout.flags]! & goto) === 0;
  return { verdict: null, jump, comesBack, target: null };
}

function readSelector({ view, bytes }: Raw, at: number, layout: EntryLayout): Selector {
  const n = layout.addressBytes;
  const address = (i: number): IpAddress =>
    n === 4 ? IpAddress.fromBytes4(bytes, at + i * n) : IpAddress.fromBytes6(bytes, at + i * n);
  const invert = bytes[at + layout.invert]!;
  const pattern = (name: number, mask: number, inverted: boolean): NamePattern | null =>
    bytes[at + mask] === 0
      ? null
      : {
          name: bytes.slice(at + name, at + name + 16),
          mask: bytes.slice(at + mask, at + mask + 16),
          invert: inverted,
        };
  const fragment = layout.family === AF_INET && (bytes[at + layout.flags]! & FLAG_FRAGMENT) !== 0;
  return {
    source: address(0),
    destination: address(1),
    sourceMask: address(2),
    destinationMask: address(3),
    invertSource: (invert & INVERT.source) !== 0,
    invertDestination: (invert & INVERT.destination) !== 0,
    input: pattern(layout.inputName, layout.inputMask, (invert & INVERT.input) !== 0),
    output: pattern(layout.outputName, layout.outputMask, (invert & INVERT.output) !== 0),
    protocol: view.getUint16(at + layout.protocol, true),
    invertProtocol: (invert & INVERT.protocol) !== 0,
    fragment: fragment ? (invert & INVERT.fragment) === 0 : null,
  };
}

/**
 * Do chains call each other in a circle (mark_source_chains)? Walked without recursion: a guest chooses how
 * deep they go.
 */
function circles(rules: readonly FilterRule[], entries: readonly number[]): boolean {
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(rules.length);
  for (const start of entries) {
    if (start < 0 || state[start] !== 0) continue;
    const path = [start];
    const pending = [successors(rules, start)];
    state[start] = OPEN;
    while (path.length > 0) {
      const next = pending.at(-1)!.pop();
      if (next === undefined) {
        state[path.pop()!] = DONE;
        pending.pop();
      } else if (state[next] === OPEN) return true;
      else if (state[next] === 0) {
        state[next] = OPEN;
        path.push(next);
        pending.push(successors(rules, next));
      }
    }
  }
  return false;
}

/** Rules that may be looked at after rule `i`. */
function successors(rules: readonly FilterRule[], i: number): number[] {
  const rule = rules[i]!;
  const next: number[] = [];
  const unconditional =
    rule.matches.length === 0 && rule.target === null && rule.verdict !== null && everything(rule.selector);
  if (!unconditional && i + 1 < rules.length) next.push(i + 1);
  if (rule.jump >= 0) next.push(rule.jump);
  return next;
}

function everything(s: Selector): boolean {
  return (
    s.sourceMask.isAny &&
    s.destinationMask.isAny &&
    s.input === null &&
    s.output === null &&
    s.protocol === 0 &&
    s.fragment === null
  );
}
