/**
 * Process file descriptors.
 *
 * Mirrors linux/pidfd.h; man 2 pidfd_open, pidfd_send_signal.
 */

// Flags and namespace ioctls.
export const PIDFD_NONBLOCK = 0o4000;
export const PIDFD_THREAD = 0o200;
export const PIDFD_SIGNAL_THREAD = 0x1;
export const PIDFD_SIGNAL_THREAD_GROUP = 0x2;
export const PIDFD_SIGNAL_PROCESS_GROUP = 0x4;
export const PIDFD_GET_CGROUP_NAMESPACE = 65281;
export const PIDFD_GET_IPC_NAMESPACE = 65282;
export const PIDFD_GET_MNT_NAMESPACE = 65283;
export const PIDFD_GET_NET_NAMESPACE = 65284;
export const PIDFD_GET_PID_NAMESPACE = 65285;
export const PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE = 65286;
export const PIDFD_GET_TIME_NAMESPACE = 65287;
export const PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE = 65288;
export const PIDFD_GET_USER_NAMESPACE = 65289;
export const PIDFD_GET_UTS_NAMESPACE = 65290;
