/** The C type behind each layout; `paths` gives the C member where our key differs from it. */
export interface Layout {
  readonly type: string;
  readonly paths?: Readonly<Record<string, string>>;
  /** The layout counts in units of this many bytes (1 when absent). */
  readonly unit?: number;
}

export const LAYOUTS: Readonly<Record<string, Layout>> = {
  FLOCK: {
    type: 'struct flock',
  },
  F_OWNER_EX: {
    type: 'struct f_owner_ex',
  },
  OPEN_HOW: {
    type: 'struct open_how',
  },
  FILE_HANDLE: {
    type: 'struct file_handle',
  },
  DIRENT64: {
    type: 'struct dirent64',
  },
  STATX: {
    type: 'struct statx',
  },
  STATX_TIMESTAMP: {
    type: 'struct statx_timestamp',
  },
  STAT: {
    type: 'struct stat',
  },
  STATFS: {
    type: 'struct statfs',
  },
  LANDLOCK_RULESET_ATTR: {
    type: 'struct landlock_ruleset_attr',
  },
  LANDLOCK_PATH_BENEATH_ATTR: {
    type: 'struct landlock_path_beneath_attr',
  },
  LANDLOCK_NET_PORT_ATTR: {
    type: 'struct landlock_net_port_attr',
  },
  ELF_PRSTATUS: {
    type: 'struct elf_prstatus',
  },
  ELF_PRPSINFO: {
    type: 'struct elf_prpsinfo',
  },
  MOUNT_ATTR: {
    type: 'struct mount_attr',
  },
  MNT_ID_REQ: {
    type: 'struct mnt_id_req',
  },
  STATMOUNT: {
    type: 'struct statmount',
  },
  SIGACTION_KERNEL: {
    type: 'struct sigaction',
  },
  STACK_T: {
    type: 'stack_t',
  },
  SIGEVENT: {
    type: 'struct sigevent',
    paths: {
      sigev_notify_function: '_sigev_un._sigev_thread._function',
      sigev_notify_attributes: '_sigev_un._sigev_thread._attribute',
      sigev_notify_thread_id: '_sigev_un._tid',
    },
  },
  SIGINFO: {
    type: 'struct siginfo',
  },
  UCONTEXT: {
    type: 'struct ucontext',
  },
  MCONTEXT: {
    type: 'struct sigcontext',
  },
  FPSTATE: {
    type: 'struct _fpstate_64',
  },
  FPX_SW_BYTES: {
    type: 'struct _fpx_sw_bytes',
  },
  XSTATE: {
    type: 'struct _xstate',
  },
  XSTATE_HEADER: {
    type: 'struct _header',
  },
  SIGNALFD_SIGINFO: {
    type: 'struct signalfd_siginfo',
  },
  CLONE_ARGS: {
    type: 'struct clone_args',
  },
  SCHED_ATTR: {
    type: 'struct sched_attr',
  },
  SCHED_PARAM: {
    type: 'struct sched_param',
  },
  POLLFD: {
    type: 'struct pollfd',
  },
  EPOLL_EVENT: {
    type: 'struct epoll_event',
  },
  EPOLL_PARAMS: {
    type: 'struct epoll_params',
  },
  FSXATTR: {
    type: 'struct fsxattr',
  },
  FILE_CLONE_RANGE: {
    type: 'struct file_clone_range',
  },
  FIEMAP: {
    type: 'struct fiemap',
  },
  FIEMAP_EXTENT: {
    type: 'struct fiemap_extent',
  },
  TERMIOS: {
    type: 'struct termios',
  },
  TERMIOS2: {
    type: 'struct termios2',
  },
  TERMIO: {
    type: 'struct termio',
  },
  WINSIZE: {
    type: 'struct winsize',
  },
  TIMESPEC: {
    type: 'struct timespec',
  },
  TIMEVAL: {
    type: 'struct timeval',
  },
  TIMEZONE: {
    type: 'struct timezone',
  },
  ITIMERSPEC: {
    type: 'struct itimerspec',
  },
  ITIMERVAL: {
    type: 'struct itimerval',
  },
  TMS: {
    type: 'struct tms',
  },
  UTIMBUF: {
    type: 'struct utimbuf',
  },
  TIMEX: {
    type: 'struct __kernel_timex',
  },
  RUSAGE: {
    type: 'struct rusage',
  },
  RLIMIT: {
    type: 'struct rlimit',
  },
  PRCTL_MM_MAP: {
    type: 'struct prctl_mm_map',
  },
  ELF64_EHDR: {
    type: 'Elf64_Ehdr',
  },
  ELF64_PHDR: {
    type: 'Elf64_Phdr',
  },
  ELF64_SHDR: {
    type: 'Elf64_Shdr',
  },
  ELF64_SYM: {
    type: 'Elf64_Sym',
  },
  ELF64_DYN: {
    type: 'Elf64_Dyn',
  },
  ELF64_RELA: {
    type: 'Elf64_Rela',
  },
  ELF64_NHDR: {
    type: 'Elf64_Nhdr',
  },
  ROBUST_LIST_HEAD: {
    type: 'struct robust_list_head',
  },
  FUTEX_WAITV_ENTRY: {
    type: 'struct futex_waitv',
  },
  USER_CAP_HEADER: {
    type: 'struct __user_cap_header_struct',
  },
  USER_CAP_DATA: {
    type: 'struct __user_cap_data_struct',
  },
  VFS_CAP_DATA: {
    type: 'struct vfs_cap_data',
  },
  VFS_NS_CAP_DATA: {
    type: 'struct vfs_ns_cap_data',
  },
  SOCKADDR_STORAGE: {
    type: 'struct sockaddr_storage',
  },
  SOCKADDR_UN: {
    type: 'struct sockaddr_un',
  },
  MSGHDR: {
    type: 'struct msghdr',
  },
  MMSGHDR: {
    type: 'struct mmsghdr',
  },
  CMSGHDR: {
    type: 'struct cmsghdr',
  },
  UCRED: {
    type: 'struct ucred',
  },
  LINGER: {
    type: 'struct linger',
  },
  SOCKADDR_IN: {
    type: 'struct sockaddr_in',
  },
  SOCKADDR_IN6: {
    type: 'struct sockaddr_in6',
  },
  SOCK_EXTENDED_ERR: {
    type: 'struct sock_extended_err',
  },
  IP_MREQN: {
    type: 'struct ip_mreqn',
  },
  IP_MREQ: {
    type: 'struct ip_mreq',
  },
  IPV6_MREQ: {
    type: 'struct ipv6_mreq',
  },
  IN_PKTINFO: {
    type: 'struct in_pktinfo',
  },
  TCP_INFO_STRUCT: {
    type: 'struct tcp_info',
  },
  IFREQ: {
    type: 'struct ifreq',
    paths: {
      ifr_name: 'ifr_ifrn.ifrn_name',
      ifr_addr: 'ifr_ifru.ifru_addr',
      ifr_flags: 'ifr_ifru.ifru_flags',
      ifr_ifindex: 'ifr_ifru.ifru_ivalue',
      ifr_mtu: 'ifr_ifru.ifru_mtu',
      ifr_hwaddr: 'ifr_ifru.ifru_hwaddr',
    },
  },
  IFCONF: {
    type: 'struct ifconf',
    paths: {
      ifc_buf: 'ifc_ifcu.ifcu_buf',
    },
  },
  SOCKADDR_NL: {
    type: 'struct sockaddr_nl',
  },
  NLMSGHDR: {
    type: 'struct nlmsghdr',
  },
  NLMSGERR: {
    type: 'struct nlmsgerr',
  },
  NLATTR: {
    type: 'struct nlattr',
  },
  RTATTR: {
    type: 'struct rtattr',
  },
  RTGENMSG: {
    type: 'struct rtgenmsg',
  },
  IFINFOMSG: {
    type: 'struct ifinfomsg',
  },
  IFADDRMSG: {
    type: 'struct ifaddrmsg',
  },
  RTMSG: {
    type: 'struct rtmsg',
  },
  NDMSG: {
    type: 'struct ndmsg',
  },
  IFA_CACHEINFO_STRUCT: {
    type: 'struct ifa_cacheinfo',
  },
  FANOTIFY_EVENT_METADATA: {
    type: 'struct fanotify_event_metadata',
  },
  IF_DQBLK: { type: 'struct if_nextdqblk' },
  IF_DQINFO: { type: 'struct if_dqinfo' },
  FANOTIFY_EVENT_INFO_FID: {
    type: 'struct fanotify_event_info_fid',
    paths: { info_type: 'hdr.info_type', pad: 'hdr.pad', len: 'hdr.len' },
  },
  FANOTIFY_EVENT_INFO_PIDFD: {
    type: 'struct fanotify_event_info_pidfd',
    paths: { info_type: 'hdr.info_type', pad: 'hdr.pad', len: 'hdr.len' },
  },
  FANOTIFY_RESPONSE: {
    type: 'struct fanotify_response',
  },
  FANOTIFY_RESPONSE_AUDIT_RULE: {
    type: 'struct fanotify_response_info_audit_rule',
    paths: { type: 'hdr.type', pad: 'hdr.pad', len: 'hdr.len' },
  },
  UFFD_MSG: {
    type: 'struct uffd_msg',
    paths: {
      flags: 'arg.pagefault.flags',
      address: 'arg.pagefault.address',
      ptid: 'arg.pagefault.feat.ptid',
    },
  },
  CN_MSG: {
    type: 'struct cn_msg',
    paths: { idx: 'id.idx', val: 'id.val' },
  },
  PROC_INPUT: {
    type: 'struct proc_input',
  },
  PROC_EVENT: {
    type: 'struct proc_event',
    paths: {
      err: 'event_data.ack.err',
      parent_pid: 'event_data.fork.parent_pid',
      parent_tgid: 'event_data.fork.parent_tgid',
      child_pid: 'event_data.fork.child_pid',
      child_tgid: 'event_data.fork.child_tgid',
      process_pid: 'event_data.exec.process_pid',
      process_tgid: 'event_data.exec.process_tgid',
      ruid: 'event_data.id.r.ruid',
      euid: 'event_data.id.e.euid',
      tracer_pid: 'event_data.ptrace.tracer_pid',
      tracer_tgid: 'event_data.ptrace.tracer_tgid',
      comm: 'event_data.comm.comm',
      coredump_parent_pid: 'event_data.coredump.parent_pid',
      coredump_parent_tgid: 'event_data.coredump.parent_tgid',
      exit_code: 'event_data.exit.exit_code',
      exit_signal: 'event_data.exit.exit_signal',
      exit_parent_pid: 'event_data.exit.parent_pid',
      exit_parent_tgid: 'event_data.exit.parent_tgid',
    },
  },
  TASKSTATS: {
    type: 'struct taskstats',
  },
  UFFD_MSG_EVENT: {
    type: 'struct uffd_msg',
    paths: {
      ufd: 'arg.fork.ufd',
      from: 'arg.remap.from',
      to: 'arg.remap.to',
      len: 'arg.remap.len',
      start: 'arg.remove.start',
      end: 'arg.remove.end',
    },
  },
  UFFDIO_MOVE_STRUCT: {
    type: 'struct uffdio_move',
  },
  UFFDIO_WRITEPROTECT_STRUCT: {
    type: 'struct uffdio_writeprotect',
    paths: { start: 'range.start', len: 'range.len' },
  },
  UFFDIO_CONTINUE_STRUCT: {
    type: 'struct uffdio_continue',
    paths: { start: 'range.start', len: 'range.len' },
  },
  UFFDIO_POISON_STRUCT: {
    type: 'struct uffdio_poison',
    paths: { start: 'range.start', len: 'range.len' },
  },
  UFFDIO_API_STRUCT: {
    type: 'struct uffdio_api',
  },
  UFFDIO_REGISTER_STRUCT: {
    type: 'struct uffdio_register',
    paths: { start: 'range.start', len: 'range.len' },
  },
  UFFDIO_RANGE: {
    type: 'struct uffdio_range',
  },
  UFFDIO_COPY_STRUCT: {
    type: 'struct uffdio_copy',
  },
  UFFDIO_ZEROPAGE_STRUCT: {
    type: 'struct uffdio_zeropage',
    paths: { start: 'range.start', len: 'range.len' },
  },
  IO_URING_RSRC_REGISTER: {
    type: 'struct io_uring_rsrc_register',
  },
  IO_URING_RSRC_UPDATE2: {
    type: 'struct io_uring_rsrc_update2',
  },
  IO_URING_RSRC_UPDATE: {
    type: 'struct io_uring_rsrc_update',
  },
  IO_URING_RESTRICTION: {
    type: 'struct io_uring_restriction',
    paths: { value: 'sqe_op' },
  },
  IO_URING_BUF_REG: {
    type: 'struct io_uring_buf_reg',
  },
  IO_URING_BUF_STATUS: {
    type: 'struct io_uring_buf_status',
  },
  IO_URING_CLOCK_REGISTER: {
    type: 'struct io_uring_clock_register',
    paths: { resv: '__resv' },
  },
  IO_URING_CLONE_BUFFERS: {
    type: 'struct io_uring_clone_buffers',
  },
  IO_URING_SYNC_CANCEL_REG: {
    type: 'struct io_uring_sync_cancel_reg',
  },
  IO_URING_RECVMSG_OUT: {
    type: 'struct io_uring_recvmsg_out',
  },
  IO_URING_FILE_INDEX_RANGE: {
    type: 'struct io_uring_file_index_range',
  },
  INOTIFY_EVENT: {
    type: 'struct inotify_event',
  },
  POSIX_ACL_XATTR_HEADER: {
    type: 'struct posix_acl_xattr_header',
  },
  POSIX_ACL_XATTR_ENTRY: {
    type: 'struct posix_acl_xattr_entry',
  },
  IOVEC: {
    type: 'struct iovec',
  },
  IOCB: {
    type: 'struct iocb',
  },
  IO_EVENT: {
    type: 'struct io_event',
  },
  SECCOMP_DATA: {
    type: 'struct seccomp_data',
  },
  SECCOMP_NOTIF: {
    type: 'struct seccomp_notif',
  },
  SECCOMP_NOTIF_RESP: {
    type: 'struct seccomp_notif_resp',
  },
  SECCOMP_NOTIF_SIZES: {
    type: 'struct seccomp_notif_sizes',
  },
  SECCOMP_NOTIF_ADDFD: {
    type: 'struct seccomp_notif_addfd',
  },
  SOCK_FILTER: {
    type: 'struct sock_filter',
  },
  SOCK_FPROG: {
    type: 'struct sock_fprog',
  },
  PTRACE_PEEKSIGINFO_ARGS: {
    type: 'struct ptrace_peeksiginfo_args',
  },
  PTRACE_SYSCALL_INFO: {
    type: 'struct ptrace_syscall_info',
    paths: {
      entry_nr: 'entry.nr',
      entry_args: 'entry.args',
      exit_rval: 'exit.rval',
      exit_is_error: 'exit.is_error',
      seccomp_nr: 'seccomp.nr',
      seccomp_args: 'seccomp.args',
      seccomp_ret_data: 'seccomp.ret_data',
    },
  },
  PTRACE_RSEQ_CONFIGURATION: {
    type: 'struct ptrace_rseq_configuration',
  },
  PTRACE_SUD_CONFIG: {
    type: 'struct ptrace_sud_config',
  },
  USER_REGS: {
    type: 'struct user_regs_struct',
    unit: 8,
  },
  USER_FPREGS: {
    type: 'struct user_fpregs_struct',
  },
  USER: {
    type: 'struct user',
  },
  UTSNAME: {
    type: 'struct new_utsname',
  },
  SYSINFO: {
    type: 'struct sysinfo',
  },
  IPC64_PERM: {
    type: 'struct ipc64_perm',
  },
  SHMID64_DS: {
    type: 'struct shmid64_ds',
  },
  SHMINFO64: {
    type: 'struct shminfo64',
  },
  SHM_INFO_STRUCT: {
    type: 'struct shm_info',
  },
  SEMID64_DS: {
    type: 'struct semid64_ds',
  },
  SEMBUF: {
    type: 'struct sembuf',
  },
  SEMINFO: {
    type: 'struct seminfo',
  },
  MSQID64_DS: {
    type: 'struct msqid64_ds',
  },
  MSGBUF: {
    type: 'struct msgbuf',
  },
  MSGINFO: {
    type: 'struct msginfo',
  },
  MQ_ATTR: {
    type: 'struct mq_attr',
  },
  SOCKADDR_LL: {
    type: 'struct sockaddr_ll',
  },
  IO_SQRING_OFFSETS: {
    type: 'struct io_sqring_offsets',
  },
  IO_URING_PARAMS: {
    type: 'struct io_uring_params',
  },
  IO_URING_SQE: {
    type: 'struct io_uring_sqe',
    paths: { op_flags: 'rw_flags', pad2: '__pad2' },
  },
  IO_URING_CQE: {
    type: 'struct io_uring_cqe',
  },
  RSEQ: {
    type: 'struct rseq',
  },
  RSEQ_CS: {
    type: 'struct rseq_cs',
  },
};
