import type { IpcObject } from '../../files/sysv/ids.js';
import { sysvOf } from '../../files/sysv/state.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { IpcNamespace } from '../../process/ns/namespaces.js';

/** /proc/sysvipc (sysvipc(7)): the three tables. */

const SHM =
  '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n';
const MSG =
  '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n';
const SEM = '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n';

const PERMISSIONS = 0o1777;
const PAGE = 4096;

/** The objects of whoever reads. */
export function ipcOf(kernel: KernelCore): IpcNamespace {
  return kernel.currentNs.ipc;
}

function cell(value: number, width: number): string {
  return String(value).padStart(width);
}

function head(o: IpcObject): string {
  return `${cell(o.key | 0, 10)} ${cell(o.id, 10)}  ${(o.mode & PERMISSIONS).toString(8).padStart(4)}`;
}

function owners(o: IpcObject): string {
  return `${cell(o.uid, 5)} ${cell(o.gid, 5)} ${cell(o.cuid, 5)} ${cell(o.cgid, 5)}`;
}

export function shmText(kernel: KernelCore): string {
  let t = SHM;
  for (const o of sysvOf(ipcOf(kernel)).shm.ids.objects) {
    const resident = Math.ceil(o.size / PAGE) * PAGE;
    t +=
      `${head(o)} ${cell(o.size, 21)} ${cell(o.cpid, 5)} ${cell(o.lpid, 5)}  ${cell(o.attachments.size, 5)} ${owners(o)} ` +
      `${cell(o.atime, 10)} ${cell(o.dtime, 10)} ${cell(o.ctime, 10)} ${cell(resident, 21)} ${cell(0, 21)}\n`;
  }
  return t;
}

export function msgText(kernel: KernelCore): string {
  let t = MSG;
  for (const o of sysvOf(ipcOf(kernel)).msg.ids.objects) {
    t +=
      `${head(o)}  ${cell(o.bytes, 10)} ${cell(o.messages.length, 10)} ${cell(o.lspid, 5)} ${cell(o.lrpid, 5)} ` +
      `${owners(o)} ${cell(o.stime, 10)} ${cell(o.rtime, 10)} ${cell(o.ctime, 10)}\n`;
  }
  return t;
}

export function semText(kernel: KernelCore): string {
  let t = SEM;
  for (const o of sysvOf(ipcOf(kernel)).sem.ids.objects) {
    t += `${head(o)} ${cell(o.count, 10)} ${owners(o)} ${cell(o.otime, 10)} ${cell(o.ctime, 10)}\n`;
  }
  return t;
}
