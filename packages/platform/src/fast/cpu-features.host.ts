import { readFileSync } from 'node:fs';

const AT_HWCAP2 = 26;
const HWCAP2_FSGSBASE = 2;

/** User code may read and set the FS base itself (getauxval(3), AT_HWCAP2). */
export const hasFsGsBase: boolean = (() => {
  let auxv: Buffer;
  try {
    auxv = readFileSync('/proc/self/auxv');
  } catch {
    return false;
  }
  for (let at = 0; at + 16 <= auxv.length; at += 16) {
    if (auxv.readUInt32LE(at) === AT_HWCAP2) return (auxv.readUInt32LE(at + 8) & HWCAP2_FSGSBASE) !== 0;
  }
  return false;
})();
