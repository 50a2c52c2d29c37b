import { STATE_ESTABLISHED, STATE_LISTEN, UnixSocket } from '../../files/unix/socket.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { NetNamespace } from '../../process/ns/namespaces.js';
import { hex } from './format.js';

const HEADER = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
/** __SO_ACCEPTCON */
const LISTENS = 0x10000;
/** enum socket_state */
const SS_UNCONNECTED = 1;
const SS_CONNECTED = 3;

/**
 * Every Unix socket of a network namespace that some process has open. Those only in flight or waiting to be
 * accepted are not found.
 */
export function unixSockets(kernel: KernelCore, ns: NetNamespace): Set<UnixSocket> {
  const found = new Set<UnixSocket>();
  const tables = new Set<object>();
  for (const { files } of kernel.pids.tasks.values()) {
    if (tables.has(files)) continue;
    tables.add(files);
    for (let fd = 0; fd < files.size; fd++) {
      const file = files.get(fd);
      if (file instanceof UnixSocket && file.netns === ns) found.add(file);
    }
  }
  return found;
}

/** /proc/net/unix. Abstract names are shown with @ for each NUL. */
export function netUnixText(kernel: KernelCore, ns: NetNamespace): string {
  let t = HEADER;
  for (const s of unixSockets(kernel, ns)) {
    const connected = s.state === STATE_ESTABLISHED;
    const name = s.boundName;
    let path = '';
    if (name !== null)
      path = ` ${(name.charCodeAt(0) === 0 ? name : name.replace(/\0.*$/s, '')).replace(/\0/g, '@')}`;
    t +=
      `0000000000000000: ${hex(connected ? 3 : 2, 8)} 00000000 ${hex(s.state === STATE_LISTEN ? LISTENS : 0, 8)} ` +
      `${hex(s.type, 4)} ${hex(connected ? SS_CONNECTED : SS_UNCONNECTED, 2)} ${String(s.inode.ino).padStart(5)}${path}\n`;
  }
  return t;
}
