import { UTS_RELEASE } from '../../process/ns/uts.js';
import type { PseudoDir, PseudoFs } from '../../pseudo/inode.js';
import { GeneratedFile } from '../../pseudo/text.js';

/** Types of notes of Linux's own (linux/build-salt.h, linux/elfnote-lto.h). */
const BUILD_SALT = 0x100;
const LTO_INFO = 0x101;

/** A 32-bit number, little-endian; one of four bytes below 128. */
function word(n: number): string {
  return String.fromCharCode(n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24);
}

function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '\0');
}

/** An ELF note (elf(5), Notes). */
function note(type: number, value: string): string {
  const name = 'Linux\0';
  return word(name.length) + word(value.length) + word(type) + padded(name) + padded(value);
}

/** /sys/kernel/notes: the notes of the kernel's image. There is no image that would have a build ID. */
export function addNotes(fs: PseudoFs, dir: PseudoDir): void {
  const text = note(LTO_INFO, word(0)) + note(BUILD_SALT, `${UTS_RELEASE}\0`);
  dir.add('notes', new GeneratedFile(fs, 0o444, () => text)).size = text.length;
}
