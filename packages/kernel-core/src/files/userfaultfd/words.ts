const PAGE = 4096;
const TWO32 = 4294967296;

/** Of a description whose maker has not said yet what it wants to hear of. */
export const NO_FEATURES = -1;

/** Where the structs of commands and messages are decoded and built. */
export const bytes = new Uint8Array(40);
export const view = new DataView(bytes.buffer);

export function get64(at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO32;
}

export function put64(at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / TWO32), true);
}

export function pageOf(addr: number): number {
  return addr - (addr % PAGE);
}
