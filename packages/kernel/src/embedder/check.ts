/**
 * Checks of what an embedder hands in, of whatever type it turns out to be. Each returns the value, or throws
 * an InvalidOptionError that names the option. `undefined` is for the caller, as a rule the default; `null`
 * never is an option left out.
 */
import { InvalidOptionError } from './errors.js';

/** An object of options: `known` has every name there is. */
export function checkObject<T extends object>(option: string, value: T, known: Record<keyof T, true>): T {
  checkRecord(option, value);
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(known, key)) continue;
    throw new InvalidOptionError(option === '' ? key : `${option}.${key}`, 'there is no such option');
  }
  return value;
}

/** A plain object, whatever its names are: no list, no Map. */
export function checkRecord<T extends object>(option: string, value: T): T {
  const isPlain =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
  if (!isPlain) throw new InvalidOptionError(option === '' ? '(all)' : option, 'an object is needed');
  return value;
}

export function checkList<T>(option: string, value: readonly T[]): readonly T[] {
  if (!Array.isArray(value)) throw new InvalidOptionError(option, 'a list is needed');
  return value;
}

export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidOptionError(option, 'true or false is needed');
  return value;
}

/** A whole number within these bounds. */
export function checkCount(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidOptionError(option, `a whole number from ${min} to ${max} is needed`);
  }
  return value;
}

/** A string the guest's side, where strings end with NUL, can hold. */
export function checkText(option: string, value: unknown): string {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new InvalidOptionError(option, 'a string without NUL is needed');
  }
  return value;
}

/** An absolute path of the guest's. */
export function checkPath(option: string, path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) {
    throw new InvalidOptionError(option, 'an absolute path is needed');
  }
  return path;
}

/** An object that has `methods`; `what` says what it is to be. */
export function checkMethods<T extends object>(
  option: string,
  value: T,
  what: string,
  methods: readonly (keyof T & string)[],
): T {
  const isObject = typeof value === 'object' && value !== null;
  if (!isObject || methods.some((method) => typeof value[method] !== 'function')) {
    throw new InvalidOptionError(option, `${what} is needed`);
  }
  return value;
}

export function checkSignal(option: string, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  checkMethods(option, signal, 'an AbortSignal', ['throwIfAborted', 'addEventListener']);
}

export function checkFunction<T>(option: string, value: T): T {
  if (typeof value !== 'function') throw new InvalidOptionError(option, 'a function is needed');
  return value;
}
