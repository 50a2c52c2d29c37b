import { VfsError } from './errors.js';

/**
 * An object of options of the file system `who`, none of a name it does not know: a `readonly` where
 * `readOnly` was meant must not hand out a tree to be written to. Throws `VfsError` (ERR_VFS_INVALID_OPTION).
 */
export function checkOptionNames<T extends object>(who: string, options: T, known: Record<keyof T, true>): T {
  if (typeof options !== 'object' || options === null)
    throw new VfsError('ERR_VFS_INVALID_OPTION', `${who}: options must be an object`);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name))
      throw new VfsError('ERR_VFS_INVALID_OPTION', `${who}: there is no option ${name}`);
  }
  return options;
}
