import { basename } from 'node:path';
import type { OciConfig } from '../config/types.js';
import type { Context } from '../context.js';
import { Failure } from '../failure.js';
import { all, read, type Stored } from '../state/store.js';
import { namespaceKey } from './host-network.js';

/**
 * What engines call a container that belongs to a pod, and whose: containerd's CRI service, CRI-O. Those of
 * Podman name namespaces alone.
 */
const ANNOTATIONS = [
  { kind: 'io.kubernetes.cri.container-type', sandbox: 'io.kubernetes.cri.sandbox-id' },
  { kind: 'io.kubernetes.cri-o.ContainerType', sandbox: 'io.kubernetes.cri-o.SandboxID' },
] as const;

/** "/proc/PID/ns/KIND": the namespace of a container, by the host's process that stands for it. */
const OF_PROCESS = /^\/proc\/(\d+)\/ns\/\w+$/;

/** The pid in a path "/proc/PID/ns/KIND"; null: it is another. */
export function pidOfNamespace(path: string): number | null {
  const m = OF_PROCESS.exec(path);
  return m === null ? null : Number(m[1]);
}

/** Is it the container that only holds the namespaces of a pod, with a program that waits for its end? */
export function isPause({ annotations = {}, process, hooks }: OciConfig): boolean {
  const args = process?.args ?? [];
  return (
    ANNOTATIONS.some(({ kind }) => annotations[kind] === 'sandbox') &&
    args.length === 1 &&
    basename(args[0]!) === 'pause' &&
    (hooks?.startContainer ?? []).length === 0
  );
}

/**
 * In whose kernel a container is to be: that of its pod, or of the container with whom it shares a namespace;
 * null: in one of its own. Throws Failure: the pod has no kernel.
 */
export function sandboxFor({ root }: Context, id: string, config: OciConfig): Stored | null {
  const { annotations = {} } = config;
  for (const { kind, sandbox } of ANNOTATIONS) {
    const wanted = annotations[sandbox];
    if (annotations[kind] !== 'container' || !wanted || wanted === id) continue;
    const stored = read(root, wanted);
    if (stored !== null && stored.status !== 'stopped') return stored;
    throw new Failure(
      `the sandbox ${wanted} of the container is not running: containers of a pod are in the kernel of its first`,
    );
  }
  const paths = (config.linux?.namespaces ?? []).flatMap(({ type, path }) => (path ? [{ type, path }] : []));
  if (paths.length === 0) return null;
  const running = all(root).filter(({ status }) => status !== 'stopped');
  for (const { type, path } of paths) {
    const pid = pidOfNamespace(path);
    const key = type === 'network' ? namespaceKey(path) : null;
    const found = running.find((s) => s.pid === pid || (key !== null && s.network === key));
    if (found !== undefined) return found;
  }
  return null;
}
