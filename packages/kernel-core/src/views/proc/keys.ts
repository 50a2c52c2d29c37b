import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { KEY_VIEW, type Key } from '../../process/keys/key.js';
import { keyPermission } from '../../process/keys/permission.js';
import { possesses } from '../../process/keys/process-keys.js';
import { INITIAL_USER_NS } from '../../process/ns/user-ns.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

function timeLeft(kernel: KernelCore, key: Key): string {
  if (key.expiry === 0) return 'perm';
  const left = key.expiry - kernel.clock.realtimeSec();
  if (left <= 0) return 'expd';
  for (const [unit, letter, below] of [
    [1, 's', MINUTE],
    [MINUTE, 'm', HOUR],
    [HOUR, 'h', DAY],
    [DAY, 'd', WEEK],
  ] as const) {
    if (left < below) return `${Math.floor(left / unit)}${letter}`;
  }
  return `${Math.floor(left / WEEK)}w`;
}

function contentOf(key: Key): string {
  if (!key.isKeyring) return `: ${key.payload.length}`;
  return key.links.length === 0 ? ': empty' : `: ${key.links.length}`;
}

/** /proc/keys (proc_keys(5)): what the reader may view. How often a key is linked stands for its uses. */
export function keysText(kernel: KernelCore): string {
  const { current, keys } = kernel;
  const all = keys.allKeys();
  let text = '';
  for (const key of all) {
    if (current !== null) {
      const possessed = possesses(current, key);
      if (keyPermission({ key, possessed }, current.cred, KEY_VIEW) < 0) continue;
    }
    const flags = `I${key.revoked ? 'R' : '-'}-${key.inQuota ? 'Q' : '-'}--${key.invalidated ? 'i' : '-'}`;
    const uses = all.reduce((n, ring) => n + (ring.links.includes(key) ? 1 : 0), 0);
    const uid = current?.cred.userNs.uids.show(key.uid) ?? key.uid;
    const gid = key.shownGid(current?.cred.userNs.gids ?? INITIAL_USER_NS.gids);
    text +=
      `${key.serial.toString(16).padStart(8, '0')} ${flags} ${String(uses).padStart(5)} ` +
      `${timeLeft(kernel, key).padStart(4)} ${(key.perm >>> 0).toString(16).padStart(8, '0')} ` +
      `${String(uid).padStart(5)} ${String(gid).padStart(5)} ${key.type.name.padEnd(9)} ` +
      `${key.description}${contentOf(key)}\n`;
  }
  return text;
}

/** /proc/key-users. */
export function keyUsersText(kernel: KernelCore): string {
  const { limits } = kernel.keys;
  let text = '';
  for (const user of kernel.keys.allUsers()) {
    text +=
      `${String(user.uid).padStart(5)}: ${String(user.keys + 1).padStart(5)} ${user.keys}/${user.keys} ` +
      `${user.countedKeys}/${limits.keysFor(user.uid)} ${user.countedBytes}/${limits.bytesFor(user.uid)}\n`;
  }
  return text;
}
