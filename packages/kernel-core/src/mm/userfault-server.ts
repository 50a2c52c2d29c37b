import { UFFD_EVENT_FORK, UFFD_EVENT_REMAP, UFFD_EVENT_UNMAP, UFFD_FEATURE_EVENT_UNMAP } from '@sandbox/abi';
import type { MemoryManager } from './memory-manager.js';

/** Whom faults of a mapping are asked of (userfaultfd(2)). */
export interface FaultServer {
  /** Faults of the kernel itself (a system call's buffers) are not told: they fail. */
  readonly userOnly: boolean;
  /** UFFD_FEATURE_* it was made for. */
  readonly features: number;
  /** Who serves faults of `child`, a copy of this one's memory; the same for all mappings of it. */
  forFork(child: MemoryManager): FaultServer;
}

/** What happened to mappings whose server wants to hear of it (UFFD_EVENT_*), not told yet. */
export interface Announcement {
  readonly server: FaultServer;
  readonly event: number;
  /** UFFD_EVENT_REMAP: from, to, length; UFFD_EVENT_REMOVE and _UNMAP: start, end. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** UFFD_EVENT_FORK: who serves the child. */
  readonly child: FaultServer | null;
}

/** `child` is a copy of `mm`, and whoever serves the copied mappings of `server` another. */
export function noteFork(mm: MemoryManager, child: MemoryManager, server: FaultServer): FaultServer {
  for (const a of mm.announcements) if (a.server === server && a.event === UFFD_EVENT_FORK) return a.child!;
  const made = server.forFork(child);
  mm.announcements.push({ server, event: UFFD_EVENT_FORK, a: 0, b: 0, c: 0, child: made });
  return made;
}

/** Memory of `server` moved, and it goes on serving it. */
export function noteMove(
  mm: MemoryManager,
  server: FaultServer,
  from: number,
  to: number,
  length: number,
): void {
  mm.announcements.push({ server, event: UFFD_EVENT_REMAP, a: from, b: to, c: length, child: null });
}

/**
 * Note that [start, end), of which mappings of `server` are a part, is unmapped: once for each unmapping,
 * whatever it meets.
 */
export function noteUnmap(mm: MemoryManager, server: FaultServer, start: number, end: number): void {
  if ((server.features & UFFD_FEATURE_EVENT_UNMAP) === 0) return;
  for (const a of mm.announcements)
    if (a.server === server && a.event === UFFD_EVENT_UNMAP && a.a === start && a.b === end) return;
  mm.announcements.push({ server, event: UFFD_EVENT_UNMAP, a: start, b: end, c: 0, child: null });
}
