import { EINVAL, ENOMEM, EPERM, MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '@sandbox/abi';
import type { SignalState } from './signal-state.js';

/** Does `sp` lie on the alternate stack, whatever its flags? */
export function isWithinAltStack(state: SignalState, sp: number): boolean {
  return sp > state.altSp && sp - state.altSp <= state.altSize;
}

/**
 * Is a program with this stack pointer executing on its alternate stack? Never with SS_AUTODISARM, which
 * disarms it on entry.
 */
export function onAltStack(state: SignalState, sp: number): boolean {
  return (state.altFlags & SS_AUTODISARM) === 0 && isWithinAltStack(state, sp);
}

/** ss_flags as sigaltstack(2) reports them for a program with this stack pointer. */
export function altStackFlags(state: SignalState, sp: number): number {
  if (state.altSize === 0) return SS_DISABLE;
  return onAltStack(state, sp) ? SS_ONSTACK : 0;
}

/** Set the alternate stack. 0, -EPERM (in use), -EINVAL (flags), -ENOMEM (too small). */
export function setAltStack(
  state: SignalState,
  base: number,
  flags: number,
  size: number,
  sp: number,
): number {
  if (onAltStack(state, sp)) return -EPERM;
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return -EINVAL;
  if (mode === SS_DISABLE) {
    base = 0;
    size = 0;
  } else if (size < MINSIGSTKSZ) return -ENOMEM;
  state.altSp = base;
  state.altSize = size;
  state.altFlags = flags >>> 0;
  return 0;
}
