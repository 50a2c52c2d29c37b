/** Numbers of the KVM interface (linux/kvm.h) this platform uses: ioctl requests, and offsets in bytes. */

export const SYS_ioctl = 16;

export const KVM_GET_API_VERSION = 0xae00;
export const KVM_CREATE_VM = 0xae01;
export const KVM_CHECK_EXTENSION = 0xae03;
export const KVM_GET_VCPU_MMAP_SIZE = 0xae04;
export const KVM_GET_SUPPORTED_CPUID = 0xc008ae05;
export const KVM_CREATE_VCPU = 0xae41;
export const KVM_SET_NR_MMU_PAGES = 0xae44;
export const KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
export const KVM_RUN = 0xae80;
export const KVM_GET_SREGS = 0x8138ae83;
export const KVM_SET_SREGS = 0x4138ae84;
export const KVM_SET_MSRS = 0x4008ae89;
export const KVM_GET_VCPU_EVENTS = 0x8040ae9f;
export const KVM_SET_VCPU_EVENTS = 0x4040aea0;
export const KVM_GET_DEBUGREGS = 0x8080aea1;
export const KVM_SET_DEBUGREGS = 0x4080aea2;
export const KVM_SET_CPUID2 = 0x4008ae90;
export const KVM_GET_XSAVE = 0x9000aea4;
export const KVM_SET_XSAVE = 0x5000aea5;
export const KVM_SET_XCRS = 0x4188aea7;
export const KVM_SET_DEVICE_ATTR = 0x4018aee1;

export const KVM_API_VERSION = 12;
export const KVM_CAP_USER_MEMORY = 3;
export const KVM_CAP_XSAVE = 55;
export const KVM_CAP_XCRS = 56;
export const KVM_CAP_MAX_VCPUS = 66;
export const KVM_CAP_SYNC_REGS = 74;
export const KVM_CAP_IMMEDIATE_EXIT = 136;

export const KVM_EXIT_IO = 2;
export const KVM_EXIT_INTR = 10;
export const KVM_EXIT_IO_OUT = 1;

// struct kvm_run
export const RUN_IMMEDIATE_EXIT = 1;
export const RUN_EXIT_REASON = 8;
export const RUN_IO_DIRECTION = 32;
export const RUN_IO_SIZE = 33;
export const RUN_IO_PORT = 34;
export const RUN_IO_COUNT = 36;
export const RUN_VALID_REGS = 288;
export const RUN_DIRTY_REGS = 296;
export const RUN_REGS = 304;
export const KVM_SYNC_X86_REGS = 1;

/** struct kvm_regs, as indices of 64-bit words. */
export const KVM_REGS = {
  rax: 0,
  rbx: 1,
  rcx: 2,
  rdx: 3,
  rsi: 4,
  rdi: 5,
  rsp: 6,
  rbp: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  rip: 16,
  rflags: 17,
} as const;

// struct kvm_sregs
export const SREGS_CS = 0;
export const SREGS_DS = 24;
export const SREGS_ES = 48;
export const SREGS_FS = 72;
export const SREGS_GS = 96;
export const SREGS_SS = 120;
export const SREGS_TR = 144;
export const SREGS_LDT = 168;
export const SREGS_GDT = 192;
export const SREGS_IDT = 208;
export const SREGS_CR0 = 224;
export const SREGS_CR3 = 240;
export const SREGS_CR4 = 248;
export const SREGS_EFER = 264;
// struct kvm_vcpu_events
export const EVENTS_EXCEPTION_INJECTED = 0;
export const EVENTS_EXCEPTION_PENDING = 3;
/** Offset of the privilege level in a struct kvm_segment. */
export const SEGMENT_DPL = 16;

export const XSAVE_BYTES = 4096;

// Model-specific registers.
export const MSR_STAR = 0xc0000081;
export const MSR_LSTAR = 0xc0000082;
export const MSR_CSTAR = 0xc0000083;
export const MSR_SYSCALL_MASK = 0xc0000084;
export const MSR_FS_BASE = 0xc0000100;
export const MSR_GS_BASE = 0xc0000101;
