import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * A file that blocks of a capture are written to, whole and at once: it is good whenever the command ends.
 */
export class CaptureFile {
  private fd: number;

  /** Throws as openSync does. */
  constructor(path: string) {
    this.fd = openSync(path, 'w');
  }

  readonly write = (block: Uint8Array): void => {
    if (this.fd >= 0) writeSync(this.fd, block);
  };

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }
}
