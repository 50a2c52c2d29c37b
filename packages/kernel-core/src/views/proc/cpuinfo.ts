import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { hostCpu } from './cpuinfo.host.js';

/** Fields that say which processor it is and how many there are; the guest's numbering is its own. */
function topology(name: string, cpu: number, cpus: number): string | null {
  switch (name) {
    case 'processor':
    case 'core id':
    case 'apicid':
    case 'initial apicid':
      return String(cpu);
    case 'siblings':
    case 'cpu cores':
      return String(cpus);
    case 'physical id':
      return '0';
    default:
      return null;
  }
}

/** /proc/cpuinfo: as many processors as the guest may use, each like the host's. */
export function cpuinfoText(kernel: KernelCore): string {
  const { cpus } = kernel;
  const fields = hostCpu();
  let t = '';
  for (let cpu = 0; cpu < cpus; cpu++) {
    if (fields.length === 0) t += `processor\t: ${cpu}\n`;
    for (const { name, head, value } of fields) {
      const v = topology(name, cpu, cpus) ?? value;
      t += `${head}:${v === '' ? '' : ` ${v}`}\n`;
    }
    t += '\n';
  }
  return t;
}

/** A field of the processor, '' when it has none. */
export function cpuField(name: string): string {
  return hostCpu().find((f) => f.name === name)?.value ?? '';
}
