/** How the XSAVE areas of guests look, which have less than the host's. */
import { Assembler, allocatePages, callable, codePage, mem, viewOf } from '@sandbox/native';

const CPUID_XSTATE = 0xd;
/**
 * The component of AMX's tile data, which a process has only after asking for it (arch_prctl(2),
 * ARCH_REQ_XCOMP_PERM): no stub does.
 */
const XTILEDATA = 1 << 18;

/** XSAVE areas of guests. */
export interface FpuLayout {
  /** Components guests have (XCR0, low 32 bits), and bytes of the standard-format area with them. */
  readonly features: number;
  readonly size: number;
  /** Bytes of the host's area, which may have more components: what ptrace(2) wants for NT_X86_XSTATE. */
  readonly hostSize: number;
}

/** From the size and the components of the host's area. */
export function fpuLayout(hostSize: number, hostFeatures: number): FpuLayout {
  const features = hostFeatures & ~XTILEDATA;
  return { features, hostSize, size: features === hostFeatures ? hostSize : xsaveSize(features) };
}

/** To the end of the last component (Intel SDM vol. 1, 13.5). */
function xsaveSize(features: number): number {
  const a = new Assembler();
  // void cpuid(leaf, subleaf, out): eax and ebx to out
  a.push('rbx').mov('eax', 'edi').mov('ecx', 'esi').mov('r8', 'rdx').db(0x0f, 0xa2);
  a.mov(mem('r8', 0), 'eax').mov(mem('r8', 4), 'ebx').pop('rbx').ret();
  const cpuid = callable(codePage(a.assemble()), 3);
  const out = allocatePages(4096);
  const view = new Uint32Array(viewOf(out, 8));
  let size = 512 + 64;
  for (let i = 2; i < 31; i++) {
    if (((features >> i) & 1) === 0) continue;
    cpuid(CPUID_XSTATE, i, out);
    size = Math.max(size, view[0] + view[1]);
  }
  return size;
}
