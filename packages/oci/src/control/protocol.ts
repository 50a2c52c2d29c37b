import type { OciConfig, OciProcess, OciResources } from '../config/types.js';

/** What `create` and `run` give a supervisor to begin with. */
export interface CreateRequest {
  readonly root: string;
  readonly id: string;
  readonly bundle: string;
  readonly config: OciConfig;
  readonly consoleSocket: string | null;
  readonly platform: string;
  readonly overlay: string;
  readonly systemdCgroup: boolean;
  /** Descriptors from 3 on that the container's process gets. */
  readonly preserveFds: number;
}

/** One request a connection; those with descriptors send them along (SCM_RIGHTS). */
export type Request =
  | { readonly op: 'start'; readonly id: string }
  | { readonly op: 'kill'; readonly id: string; readonly signal: number; readonly all: boolean }
  | { readonly op: 'pause' | 'resume' | 'ps' | 'stats' | 'watch'; readonly id: string }
  | { readonly op: 'update'; readonly id: string; readonly resources: OciResources }
  | { readonly op: 'delete'; readonly id: string }
  | JoinRequest
  | ExecRequest;

/** A further container for a sandbox that is there. Its descriptors are as those of an ExecRequest. */
export interface JoinRequest {
  readonly op: 'join';
  readonly id: string;
  readonly create: CreateRequest;
  /** The host's process that stands for it. */
  readonly pid: number;
  readonly proxied: boolean;
}

export interface ExecRequest {
  readonly op: 'exec';
  readonly id: string;
  readonly process: OciProcess;
  /**
   * With it come its descriptors: 0, 1, 2 and what is preserved; or, for one on a terminal, the terminal. If
   * `proxied`, the last is a socket on which signals come and the end is told: a byte with the exit status.
   * Else that goes over the connection.
   */
  readonly proxied: boolean;
}

/** A process inside, for `ps`. */
export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly name: string;
}

export interface Stats {
  readonly cpu: { readonly total: number; readonly kernel: number; readonly user: number };
  readonly memory: { readonly usage: number; readonly limit: number; readonly oomKills: number };
  readonly pids: { readonly current: number; readonly limit: number };
}

/** Lines of JSON that answer. */
export type Reply =
  | { readonly error: string }
  | {
      readonly ok: true;
      readonly pid?: number;
      readonly processes?: readonly ProcessRow[];
      readonly pids?: readonly number[];
      readonly stats?: Stats;
    }
  | { readonly exit: number }
  /** To `watch`, each time. */
  | { readonly event: 'oom' };
