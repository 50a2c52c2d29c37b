import { EINTR, SYS_getrandom } from '@sandbox/abi';
import { hostSyscall3 } from './ffi.host.js';
import { scratchAddress, scratchBytes } from './scratch.host.js';

/**
 * Fill with bytes of the host kernel's generator (getrandom(2)), a microsecond a call. The same as of
 * node:crypto, which takes milliseconds to be loaded and to set a generator of its own up.
 */
export function hostRandom(bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const n = hostSyscall3(
      SYS_getrandom,
      scratchAddress,
      Math.min(bytes.length - done, scratchBytes.length),
      0,
    );
    if (n === -EINTR) continue;
    if (n <= 0) throw new Error(`the host gives no random bytes (errno ${-n})`);
    bytes.set(scratchBytes.subarray(0, n), done);
    // Nobody finds them here later.
    scratchBytes.fill(0, 0, n);
    done += n;
  }
}
