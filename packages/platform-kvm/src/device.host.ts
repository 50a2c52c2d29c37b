/** /dev/kvm itself: what this host's KVM offers, asked once. */
import { hostClose, hostOpenat } from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';
import {
  KVM_API_VERSION,
  KVM_CAP_IMMEDIATE_EXIT,
  KVM_CAP_MAX_VCPUS,
  KVM_CAP_SYNC_REGS,
  KVM_CAP_USER_MEMORY,
  KVM_CAP_XCRS,
  KVM_CAP_XSAVE,
  KVM_CHECK_EXTENSION,
  KVM_GET_API_VERSION,
  KVM_GET_SUPPORTED_CPUID,
  KVM_GET_VCPU_MMAP_SIZE,
  KVM_SYNC_X86_REGS,
} from './abi.js';
import { argumentAddress, argumentBytes, argumentView, ioctl, mustIoctl } from './ioctl.host.js';

const O_RDWR_CLOEXEC = 0x80002;
const MAX_CPUID_ENTRIES = 256;
const CPUID_ENTRY = 40;
/** x87, SSE, AVX, and the three of AVX-512: what guests may have of XCR0. */
const XFEATURES = 0xe7;

/** Something KVM must be able to do, and cannot here. */
export class MissingCapability extends Error {
  override readonly name = 'MissingCapability';
}

export interface Device {
  readonly fd: number;
  /** Bytes of the state a virtual CPU shares with us. */
  readonly runBytes: number;
  readonly maxCpus: number;
  /** struct kvm_cpuid2 with what processor and KVM offer. */
  readonly cpuid: Uint8Array;
  /** XCR0 of guests. */
  readonly xfeatures: number;
  /** Bytes of a standard-format XSAVE area for them. */
  readonly fpuSize: number;
  /** Of leaf 7: SMEP, SMAP, FSGSBASE in EBX, UMIP in ECX. */
  readonly leaf7: { readonly ebx: number; readonly ecx: number };
}

let opened: Device | null = null;

/** Open it on first use; it stays open. Throws HostCallError and MissingCapability. */
export function device(): Device {
  opened ??= openDevice();
  return opened;
}

function openDevice(): Device {
  const fd = hostOpenat(-100, '/dev/kvm', O_RDWR_CLOEXEC, 0);
  if (fd < 0) throw new HostCallError('open(/dev/kvm)', -fd);
  try {
    return examine(fd);
  } catch (error) {
    hostClose(fd);
    throw error;
  }
}

function examine(fd: number): Device {
  const version = ioctl(fd, KVM_GET_API_VERSION, 0);
  if (version < 0) throw new MissingCapability('/dev/kvm is some other device');
  if (version !== KVM_API_VERSION)
    throw new MissingCapability(`KVM's API version is ${version}, not ${KVM_API_VERSION}`);
  need(fd, 'KVM_CAP_USER_MEMORY', KVM_CAP_USER_MEMORY);
  need(fd, 'KVM_CAP_IMMEDIATE_EXIT', KVM_CAP_IMMEDIATE_EXIT);
  need(fd, 'KVM_CAP_XSAVE', KVM_CAP_XSAVE);
  need(fd, 'KVM_CAP_XCRS', KVM_CAP_XCRS);
  if ((need(fd, 'KVM_CAP_SYNC_REGS', KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS) === 0)
    throw new MissingCapability('KVM_CAP_SYNC_REGS lacks the general registers');
  const cpuid = readCpuid(fd);
  const view = new DataView(cpuid.buffer);
  const state = leaf(view, 0xd, 0);
  const xfeatures = (state ? view.getUint32(state + 12, true) & XFEATURES : 0) | 3;
  const seven = leaf(view, 7, 0);
  return {
    fd,
    runBytes: mustIoctl('KVM_GET_VCPU_MMAP_SIZE', fd, KVM_GET_VCPU_MMAP_SIZE, 0),
    maxCpus: Math.max(1, ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)),
    cpuid,
    xfeatures,
    fpuSize: areaSize(view, xfeatures),
    leaf7: seven
      ? { ebx: view.getUint32(seven + 16, true), ecx: view.getUint32(seven + 20, true) }
      : { ebx: 0, ecx: 0 },
  };
}

function need(fd: number, name: string, capability: number): number {
  const r = ioctl(fd, KVM_CHECK_EXTENSION, capability);
  if (r <= 0) throw new MissingCapability(`KVM lacks ${name}`);
  return r;
}

function readCpuid(fd: number): Uint8Array {
  argumentView.setUint32(0, MAX_CPUID_ENTRIES, true);
  argumentView.setUint32(4, 0, true);
  mustIoctl('KVM_GET_SUPPORTED_CPUID', fd, KVM_GET_SUPPORTED_CPUID, argumentAddress);
  const entries = argumentView.getUint32(0, true);
  return argumentBytes.slice(0, 8 + entries * CPUID_ENTRY);
}

/** Offset of a leaf in struct kvm_cpuid2, or 0. */
function leaf(view: DataView, fn: number, index: number): number {
  const entries = view.getUint32(0, true);
  for (let i = 0; i < entries; i++) {
    const at = 8 + i * CPUID_ENTRY;
    if (view.getUint32(at, true) === fn && view.getUint32(at + 4, true) === index) return at;
  }
  return 0;
}

/** Extent of the XSAVE area: the component that ends last (Intel SDM vol. 1, 13.5). */
function areaSize(view: DataView, xfeatures: number): number {
  let size = 512 + 64;
  for (let i = 2; i < 32; i++) {
    const at = ((xfeatures >> i) & 1) !== 0 ? leaf(view, 0xd, i) : 0;
    if (at === 0) continue;
    size = Math.max(size, view.getUint32(at + 12, true) + view.getUint32(at + 16, true));
  }
  return size;
}
