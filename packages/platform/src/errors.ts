/** Literal reasons a platform cannot run here. */
export type ProbeFailure =
  | 'unsupported-os'
  | 'unsupported-arch'
  | 'ptrace-denied'
  | 'seccomp-unavailable'
  | 'memfd-unavailable'
  | 'kvm-missing'
  | 'kvm-permission'
  | 'kvm-capability'
  | 'not-installed'
  | 'failed';

/** Base of the errors a platform throws to its embedder. */
export class PlatformError extends Error {
  override readonly name: string = 'PlatformError';
  readonly code: string = 'ERR_PLATFORM';
}

/** The wished-for platform cannot run on this host. */
export class PlatformUnavailableError extends PlatformError {
  override readonly name = 'PlatformUnavailableError';
  override readonly code = 'ERR_PLATFORM_UNAVAILABLE';
  constructor(
    readonly platform: string,
    readonly reason: ProbeFailure,
    why: string,
  ) {
    super(`platform ${platform} cannot run here: ${why}`);
  }
}

/** A host system call the platform depends on failed. */
export class HostCallError extends PlatformError {
  override readonly name = 'HostCallError';
  override readonly code = 'ERR_HOST_CALL';
  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    super(`host call ${call} failed: errno ${errno}`);
  }
}
