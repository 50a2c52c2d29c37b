/** What the other packages use of this layer. */
export { cgroupFsOf } from './cgroup/fs.js';
export { devfs, devpts, devShm } from './dev/devfs.js';
export { registerFsTypes } from './fs-types.js';
export { hex } from './proc/format.js';
export { unixSockets } from './proc/net-unix.js';
export { procfs } from './proc/procfs.js';
export { sysfs } from './sys/sysfs.js';
