/**
 * How iptables(8) and the kernel tell each other of tables (linux/netfilter_ipv4/ip_tables.h,
 * linux/netfilter_ipv6/ip6_tables.h, linux/netfilter/x_tables.h).
 */
import { AF_INET, AF_INET6 } from '@sandbox/abi';

/** struct ipt_entry or ip6t_entry. */
export interface EntryLayout {
  readonly family: number;
  readonly size: number;
  readonly addressBytes: number;
  readonly inputName: number;
  readonly outputName: number;
  readonly inputMask: number;
  readonly outputMask: number;
  readonly protocol: number;
  readonly flags: number;
  readonly invert: number;
  readonly targetOffset: number;
  readonly nextOffset: number;
  readonly counters: number;
}

export const ENTRY4: EntryLayout = {
  family: AF_INET,
  size: 112,
  addressBytes: 4,
  inputName: 16,
  outputName: 32,
  inputMask: 48,
  outputMask: 64,
  protocol: 80,
  flags: 82,
  invert: 83,
  targetOffset: 88,
  nextOffset: 90,
  counters: 96,
};

export const ENTRY6: EntryLayout = {
  family: AF_INET6,
  size: 168,
  addressBytes: 16,
  inputName: 64,
  outputName: 80,
  inputMask: 96,
  outputMask: 112,
  protocol: 128,
  flags: 131,
  invert: 132,
  targetOffset: 140,
  nextOffset: 142,
  counters: 152,
};

/** struct xt_entry_match and xt_entry_target: size, name, revision, then data. */
export const EXTENSION = { SIZE: 32, name: 2, nameLength: 29, revision: 31 } as const;
/** The target that is a verdict or a jump, and the one that begins a chain or ends a table. */
export const STANDARD_SIZE = 40;
export const ERROR_TARGET = 'ERROR';
export const ERROR_SIZE = 64;
export const ALIGN = 8;

/** Verdicts of the standard target: `-verdict - 1`, XT_RETURN. */
export const VERDICT_DROP = -1;
export const VERDICT_ACCEPT = -2;
export const VERDICT_RETURN = -5;

/** `invflags` and `flags` of an entry. */
export const INVERT = {
  input: 1,
  output: 2,
  tos: 4,
  source: 8,
  destination: 0x10,
  fragment: 0x20,
  protocol: 0x40,
} as const;
export const FLAG_FRAGMENT = 1;
export const FLAG_GOTO_4 = 2;
export const FLAG_GOTO_6 = 4;

/** The tables, and at which hooks they have a chain. */
export const TABLE_HOOKS: ReadonlyMap<string, number> = new Map([
  ['filter', 0x0e],
  ['nat', 0x1b],
  ['mangle', 0x1f],
  ['raw', 0x09],
  ['security', 0x0e],
]);

export function nameAt(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length && bytes[at + i] !== 0; i++) text += String.fromCharCode(bytes[at + i]!);
  return text;
}
