import { type File, type Path, pathText } from '@sandbox/vfs';
import { hiddenName } from './anon-path.js';
import type { ProcSubject } from './subject.js';

/** A place as the reader of /proc would spell it. */
export function placeText(s: ProcSubject, path: Path): string {
  const hidden = hiddenName(path);
  if (hidden !== null) return hidden;
  const reader = s.kernel.current ?? s.task;
  return reader === null ? '/' : pathText(reader.fs.root, path);
}

/** What /proc/PID/fd/N shows: the path, or for a nameless file its label. */
export function fileText(s: ProcSubject, file: File): string {
  return file.path === null ? file.label : placeText(s, file.path);
}
