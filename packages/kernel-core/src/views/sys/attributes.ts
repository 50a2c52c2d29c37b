import type { PseudoDir, PseudoFs } from '../../pseudo/inode.js';
import { GeneratedFile } from '../../pseudo/text.js';

/** Sizes every attribute file claims. */
const ATTRIBUTE_SIZE = 4096;

/** Attribute files of a directory: each a line of text. */
export function attributes(
  fs: PseudoFs,
  dir: PseudoDir,
  files: Readonly<Record<string, string | (() => string)>>,
): void {
  for (const [name, value] of Object.entries(files)) {
    const make = typeof value === 'string' ? () => value : value;
    const file = dir.add(name, new GeneratedFile(fs, 0o444, () => `${make()}\n`, true));
    file.size = ATTRIBUTE_SIZE;
  }
}
