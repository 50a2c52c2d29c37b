/** Numbers stay below 2^48, so that an overlay can tell its layers apart in the bits above. */
const DEVICE_SHIFT = 2 ** 44;
const MAX_DEVICES = 15;
const HIGH_LIMIT = 4096;

/**
 * Inode numbers of a tree that may span several host devices: one st_dev for the guest, so numbers of other
 * devices get a range of their own, and those too big for it are numbered as they come.
 */
export class InodeNumbers {
  private readonly devices: number[];
  private surrogates: Map<string, number> | null = null;

  /** @param rootDev Host device of the root: its numbers stay as they are. */
  constructor(rootDev: number) {
    this.devices = [rootDev];
  }

  guest(dev: number, lo: number, hi: number): number {
    const index = dev === this.devices[0] ? 0 : this.deviceIndex(dev);
    if (hi < HIGH_LIMIT && index < MAX_DEVICES) return index * DEVICE_SHIFT + hi * 4294967296 + lo;
    this.surrogates ??= new Map();
    const key = `${dev}:${hi}:${lo}`;
    const known = this.surrogates.get(key);
    if (known !== undefined) return known;
    const made = MAX_DEVICES * DEVICE_SHIFT + this.surrogates.size + 1;
    this.surrogates.set(key, made);
    return made;
  }

  private deviceIndex(dev: number): number {
    const i = this.devices.indexOf(dev);
    if (i >= 0) return i;
    if (this.devices.length < MAX_DEVICES) this.devices.push(dev);
    return this.devices.length < MAX_DEVICES ? this.devices.length - 1 : MAX_DEVICES;
  }
}
