import { EFAULT, EINVAL } from '@sandbox/abi';
import type { GuestMemory } from '../../mm/guest-memory.js';

const NSEC_PER_SEC = 1_000_000_000;
/** Seconds from which a time counts as never (KTIME_SEC_MAX). */
const KTIME_SEC_MAX = 9_223_372_036;

const bytes = new Uint8Array(32);
const view = new DataView(bytes.buffer);
const words = new Uint32Array(bytes.buffer);

/** A time as seconds and nanoseconds: exact where one number of nanoseconds is not. Reused by its owner. */
export class Timespec {
  sec = 0;
  nsec = 0;

  set(sec: number, nsec: number): void {
    this.sec = sec;
    this.nsec = nsec;
  }

  /** From nanoseconds >= 0. */
  setNs(ns: number): void {
    this.sec = Math.floor(ns / NSEC_PER_SEC);
    this.nsec = Math.floor(ns - this.sec * NSEC_PER_SEC);
  }

  /** As nanoseconds; Infinity from the point on where Linux' own clock ends. */
  get ns(): number {
    return this.sec >= KTIME_SEC_MAX ? Number.POSITIVE_INFINITY : this.sec * NSEC_PER_SEC + this.nsec;
  }

  get isZero(): boolean {
    return this.sec === 0 && this.nsec === 0;
  }
}

/** A `long` at word index `i` of the scratch: exact within +-2^53. */
function long(i: number): number {
  return words[i]! + (words[i + 1]! | 0) * 4294967296;
}

/**
 * Read a struct timespec of a duration or an instant: EFAULT, EINVAL (negative, or nanoseconds out of range).
 */
export function readTimespec(mm: GuestMemory, addr: number, into: Timespec): number {
  if (mm.copyIn(addr, bytes, 0, 16) < 0) return -EFAULT;
  return parse(into, 0, NSEC_PER_SEC, 1);
}

/** The same without a check, for callers that judge in another order: EFAULT. `nsec` may be anything then. */
export function loadTimespec(mm: GuestMemory, addr: number, into: Timespec): number {
  if (mm.copyIn(addr, bytes, 0, 16) < 0) return -EFAULT;
  into.set(long(0), long(2));
  return 0;
}

/** timespec64_valid. */
export function isValid(ts: Timespec): boolean {
  return ts.sec >= 0 && ts.nsec >= 0 && ts.nsec < NSEC_PER_SEC;
}

function parse(into: Timespec, word: number, limit: number, unit: number): number {
  const sec = long(word);
  const part = long(word + 2);
  if (sec < 0 || part < 0 || part >= limit) return -EINVAL;
  into.set(sec, part * unit);
  return 0;
}

/** struct timeval, kept as seconds and nanoseconds. EFAULT, EINVAL. */
export function readTimeval(mm: GuestMemory, addr: number, into: Timespec): number {
  if (mm.copyIn(addr, bytes, 0, 16) < 0) return -EFAULT;
  return parse(into, 0, 1_000_000, 1000);
}

/** struct itimerspec: interval, then value. EFAULT, EINVAL. */
export function readItimerspec(mm: GuestMemory, addr: number, interval: Timespec, value: Timespec): number {
  if (mm.copyIn(addr, bytes, 0, 32) < 0) return -EFAULT;
  const r = parse(interval, 0, NSEC_PER_SEC, 1);
  return r < 0 ? r : parse(value, 4, NSEC_PER_SEC, 1);
}

/** struct itimerval: interval, then value. EFAULT, EINVAL. */
export function readItimerval(mm: GuestMemory, addr: number, interval: Timespec, value: Timespec): number {
  if (mm.copyIn(addr, bytes, 0, 32) < 0) return -EFAULT;
  const r = parse(interval, 0, 1_000_000, 1000);
  return r < 0 ? r : parse(value, 4, 1_000_000, 1000);
}

function put(at: number, sec: number, part: number): void {
  view.setUint32(at, sec >>> 0, true);
  view.setInt32(at + 4, Math.floor(sec / 4294967296), true);
  view.setUint32(at + 8, part, true);
  view.setUint32(at + 12, 0, true);
}

/** 0 or -EFAULT. */
export function writeTimespec(mm: GuestMemory, addr: number, sec: number, nsec: number): number {
  put(0, sec, nsec);
  return mm.copyOut(addr, bytes, 0, 16);
}

/** 0 or -EFAULT. */
export function writeTimeval(mm: GuestMemory, addr: number, sec: number, usec: number): number {
  put(0, sec, usec);
  return mm.copyOut(addr, bytes, 0, 16);
}

/** Interval and value in nanoseconds, as struct itimerspec. 0 or -EFAULT. */
export function writeItimerspec(mm: GuestMemory, addr: number, intervalNs: number, valueNs: number): number {
  putNs(0, intervalNs, 1);
  putNs(16, valueNs, 1);
  return mm.copyOut(addr, bytes, 0, 32);
}

/** Interval and value in nanoseconds, as struct itimerval. 0 or -EFAULT. */
export function writeItimerval(mm: GuestMemory, addr: number, intervalNs: number, valueNs: number): number {
  putNs(0, intervalNs, 1000);
  putNs(16, valueNs, 1000);
  return mm.copyOut(addr, bytes, 0, 32);
}

function putNs(at: number, ns: number, unit: number): void {
  const sec = Math.floor(ns / NSEC_PER_SEC);
  put(at, sec, Math.floor((ns - sec * NSEC_PER_SEC) / unit));
}
