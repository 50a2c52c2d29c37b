import { EINVAL, ENOPROTOOPT } from '@sandbox/abi';
import type { Cred } from '@sandbox/kernel-core/process';
import type { EndpointOptions } from '@sandbox/net';
import type { Network } from '../network.js';
import type { ControlFlag, ControlFlags } from './control-flags.js';

/** The socket whose option is asked for, as the tables see it. */
export interface OptionOwner {
  readonly network: Network;
  readonly type: number;
  readonly domain: number;
  readonly protocol: number;
  /** What the stack looks at. */
  readonly stackOptions: Readonly<EndpointOptions>;
  /** The same, to be changed. */
  changeStackOptions(): EndpointOptions;
  /** What is told with each message, to be changed. */
  changeControl(): ControlFlags;
  /** Is there an interface of this index? */
  hasInterface(index: number): boolean;
  /** The destination is fixed. */
  readonly connected: boolean;
}

/** Options of one level that are numbers: what Linux makes of a value, and what it says when none was set. */
export interface NumberOption {
  /** Value of a fresh socket. */
  readonly initial: number;
  /** The value to store, or -errno as a number below LOWEST. */
  readonly check?: (value: number, owner: OptionOwner, cred: Cred) => number;
  /** Tell the stack. */
  readonly apply?: (options: EndpointOptions, value: number) => void;
  /** It asks for that to be told with each message. */
  readonly control?: ControlFlag;
  /** What getsockopt shows. */
  readonly show?: (value: number, owner: OptionOwner) => number;
  /** Empty values are refused (Linux: `if (optlen < 1) goto e_inval`). */
  readonly needsValue?: boolean;
}

export type OptionTable = ReadonlyMap<number, NumberOption>;

/** A refusal inside `check`: values of options are never that low. */
const REFUSED = -0x8000_0000_0000;
/** `check` refuses with this errno. */
export function refuse(errno: number): number {
  return REFUSED - errno;
}

export const bool = (value: number): number => (value !== 0 ? 1 : 0);

export function range(low: number, high: number): (value: number) => number {
  return (value) => (value < low || value > high ? refuse(EINVAL) : value);
}

type Fields<T> = {
  [K in keyof EndpointOptions]: EndpointOptions[K] extends T ? K : never;
}[keyof EndpointOptions];
type Details = Partial<Omit<NumberOption, 'apply'>>;

/** An option that is on or off: in that field of what the stack looks at. */
export function toggle(field: Fields<boolean>, details: Details = {}): NumberOption {
  return {
    initial: 0,
    check: bool,
    apply: (options, value) => {
      options[field] = value !== 0;
    },
    ...details,
  };
}

/** An option that asks for ancillary data. */
export function told(control: ControlFlag): NumberOption {
  return { initial: 0, check: bool, control };
}

/** An option whose number the stack looks at, in that field. */
export function number(field: Fields<number>, details: Details = {}): NumberOption {
  return {
    initial: 0,
    apply: (options, value) => {
      options[field] = value;
    },
    ...details,
  };
}

/** Values set on one socket, of all levels. */
export class OptionValues {
  /** Made when the first is set. */
  private values: Map<number, number> | null = null;

  private static key(level: number, name: number): number {
    return level * 256 + name;
  }

  get(level: number, name: number, initial: number): number {
    return this.values?.get(OptionValues.key(level, name)) ?? initial;
  }

  set(level: number, name: number, value: number): void {
    this.values ??= new Map();
    this.values.set(OptionValues.key(level, name), value);
  }

  copyFrom(other: OptionValues): void {
    if (other.values !== null) this.values = new Map(other.values);
  }
}

/** Set an option of a table: 0 or -errno; -ENOPROTOOPT when it is not there. */
export function setNumber(
  table: OptionTable,
  values: OptionValues,
  level: number,
  name: number,
  value: number,
  owner: OptionOwner,
  cred: Cred,
): number {
  const option = table.get(name);
  if (option === undefined) return -ENOPROTOOPT;
  const checked = option.check === undefined ? value : option.check(value, owner, cred);
  if (checked <= REFUSED) return checked - REFUSED;
  values.set(level, name, checked);
  option.apply?.(owner.changeStackOptions(), checked);
  if (option.control !== undefined) owner.changeControl()[option.control] = checked !== 0;
  return 0;
}

/** The value getsockopt shows; undefined: no such option. */
export function getNumber(
  table: OptionTable,
  values: OptionValues,
  level: number,
  name: number,
  owner: OptionOwner,
): number | undefined {
  const option = table.get(name);
  if (option === undefined) return undefined;
  const value = values.get(level, name, option.initial);
  return option.show === undefined ? value : option.show(value, owner);
}
