/** Controllers there are, as bits of masks; in the order they are told in. */
export const CPU = 1;
export const MEMORY = 2;
export const PIDS = 4;
const NAMES: readonly (readonly [string, number])[] = [
  ['cpu', CPU],
  ['memory', MEMORY],
  ['pids', PIDS],
];
export const ALL_CONTROLLERS = CPU | MEMORY | PIDS;
/** Those that can tell the threads of one process apart. */
export const THREADED_CONTROLLERS = CPU | PIDS;

/** "cpu memory pids" */
export function controllerNames(mask: number): string {
  return NAMES.filter(([, bit]) => (mask & bit) !== 0)
    .map(([name]) => name)
    .join(' ');
}

/** The bit of a controller; 0: there is none of this name. */
export function controllerBit(name: string): number {
  return NAMES.find(([n]) => n === name)?.[1] ?? 0;
}
