import {
  FP_XSTATE_MAGIC1,
  FP_XSTATE_MAGIC2,
  FP_XSTATE_MAGIC2_SIZE,
  FPSTATE,
  FPX_SW_BYTES,
} from '@sandbox/abi';
import type { Context } from '@sandbox/platform';
import type { GuestMemory } from '../../mm/guest-memory.js';

/** The legacy image, which FXSAVE writes and an XSAVE area begins with. */
export const FXSAVE_SIZE = 512;
/** Header of an XSAVE area: which components it holds, 64 bytes (Intel SDM vol. 1, 13.4.2). */
const XSAVE_HEADER_SIZE = 64;
const MIN_XSTATE_SIZE = FXSAVE_SIZE + XSAVE_HEADER_SIZE;
const XFEATURES_FP_SSE = 3;

/** Bytes of a frame's FPU part: the image, and a mark behind it when it is more than the legacy one. */
export function fpuFrameSize(fpuSize: number): number {
  return fpuSize > FXSAVE_SIZE ? fpuSize + FP_XSTATE_MAGIC2_SIZE : fpuSize;
}

/**
 * Put the context's FPU state at `offset`, with the marks by which sigreturn and debuggers know its extent
 * (struct _fpx_sw_bytes).
 */
export function writeFpuFrame(context: Context, buffer: Uint8Array, view: DataView, offset: number): void {
  const size = context.fpuSize;
  context.saveFpu(buffer, offset);
  const sw = offset + FPSTATE.sw_reserved;
  buffer.fill(0, sw, sw + FPX_SW_BYTES.SIZE);
  if (size <= FXSAVE_SIZE) return;
  view.setUint32(sw + FPX_SW_BYTES.magic1, FP_XSTATE_MAGIC1, true);
  view.setUint32(sw + FPX_SW_BYTES.extended_size, size + FP_XSTATE_MAGIC2_SIZE, true);
  view.setUint32(sw + FPX_SW_BYTES.xfeatures, context.xfeatures, true);
  view.setUint32(sw + FPX_SW_BYTES.xstate_size, size, true);
  // The legacy part is always meant, even when the processor left it out as initial.
  const header = offset + FXSAVE_SIZE;
  view.setUint32(header, view.getUint32(header, true) | XFEATURES_FP_SSE, true);
  view.setUint32(offset + size, FP_XSTATE_MAGIC2, true);
}

let image = new Uint8Array(4096);
let imageView = new DataView(image.buffer);

/**
 * Load the FPU state a frame points at (Linux: fpu__restore_sig). Address 0 means initial state. An image
 * whose marks are missing or wrong counts as legacy only. False when it cannot be read or the processor would
 * refuse it.
 */
export function restoreFpuFrame(context: Context, memory: GuestMemory, address: number): boolean {
  if (address === 0) {
    context.resetFpu();
    return true;
  }
  const full = context.fpuSize;
  if (image.length < full) {
    image = new Uint8Array(full);
    imageView = new DataView(image.buffer);
  }
  if (address % 16 !== 0 || memory.copyIn(address, image, 0, FXSAVE_SIZE) !== 0) return false;
  if (full <= FXSAVE_SIZE) return context.loadFpu(image, 0, FXSAVE_SIZE);
  const size = extendedSize(memory, address, full);
  const wanted =
    size === 0 ? XFEATURES_FP_SSE : imageView.getUint32(FPSTATE.sw_reserved + FPX_SW_BYTES.xfeatures, true);
  image.fill(0, FXSAVE_SIZE, full);
  if (size === 0) {
    imageView.setUint32(FXSAVE_SIZE, XFEATURES_FP_SSE, true);
    return context.loadFpu(image, 0, full);
  }
  if (address % 64 !== 0) return false;
  if (memory.copyIn(address + FXSAVE_SIZE, image, FXSAVE_SIZE, size - FXSAVE_SIZE) !== 0) return false;
  const present = imageView.getUint32(FXSAVE_SIZE, true);
  if ((present & ~context.xfeatures) !== 0 || !restOfHeaderIsZero()) return false;
  imageView.setUint32(FXSAVE_SIZE, present & wanted, true);
  return context.loadFpu(image, 0, full);
}

/** Bytes of the image by its marks, or 0 when they do not hold (Linux: check_xstate_in_sigframe). */
function extendedSize(memory: GuestMemory, address: number, full: number): number {
  const sw = FPSTATE.sw_reserved;
  const size = imageView.getUint32(sw + FPX_SW_BYTES.xstate_size, true);
  const extended = imageView.getUint32(sw + FPX_SW_BYTES.extended_size, true);
  if (imageView.getUint32(sw + FPX_SW_BYTES.magic1, true) !== FP_XSTATE_MAGIC1) return 0;
  if (size < MIN_XSTATE_SIZE || size > full || size > extended) return 0;
  const magic2 = memory.load32(address + size);
  return magic2 === FP_XSTATE_MAGIC2 ? size : 0;
}

/** Bytes 8..63 of the header: a compacted format, or reserved; XRSTOR of the standard format refuses them. */
function restOfHeaderIsZero(): boolean {
  for (let i = 4; i < XSAVE_HEADER_SIZE; i += 4) {
    if (imageView.getUint32(FXSAVE_SIZE + i, true) !== 0) return false;
  }
  return true;
}
