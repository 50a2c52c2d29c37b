import { assembleVdso } from './vdso-code.js';
import { buildVdsoElf } from './vdso-elf.js';

const PAGE = 4096;
/** Where the code lies in the image, behind the headers. */
const TEXT_AT = 0x500;

/** The image of the vDSO (vdso(7)): an ELF shared object to be mapped with the data page right before it. */
export interface VdsoImage {
  /** Whole pages. */
  readonly bytes: Uint8Array;
  /**
   * Offsets of the functions in the image: 'clock_gettime', 'gettimeofday', 'time', 'clock_getres', 'getcpu'.
   */
  readonly functions: ReadonlyMap<string, number>;
}

let image: VdsoImage | null = null;

/** The image, built on first use: the same for all kernels. */
export function vdsoImage(): VdsoImage {
  if (!image) {
    const text = assembleVdso(-PAGE - TEXT_AT);
    const functions = new Map<string, number>();
    for (const [name, { offset }] of text.symbols) functions.set(name, TEXT_AT + offset);
    image = { bytes: buildVdsoElf(text, TEXT_AT), functions };
  }
  return image;
}
