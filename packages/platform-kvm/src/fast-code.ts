/** The page of code patched call sites come to. It holds nothing else here. */
import { Assembler } from '@sandbox/native';
import { CODE_ADDRESS, CODE_BYTES, emitFastStub, fastStub, THUNK_ADDRESS } from '@sandbox/platform';

const assembler = new Assembler();
emitFastStub(assembler);

export const fastCode: Uint8Array = new Uint8Array(CODE_BYTES).fill(0xcc);
fastCode.set(assembler.assemble());
export const fastPlaces = fastStub(assembler);

/** Where a guest is, behind its `syscall`, that has parked: low and high word. */
export const PARKED_LOW = (CODE_ADDRESS + fastPlaces.parked) >>> 0;
/** All of the fast path's code lies from THUNKS_LOW on in these 4 GiB. */
export const FAST_HIGH = Math.floor(CODE_ADDRESS / 4294967296);
export const THUNKS_LOW = THUNK_ADDRESS >>> 0;
