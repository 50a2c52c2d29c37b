import { SIGCONT, SIGHUP } from '@sandbox/abi';
import type { ThreadGroup } from './thread-group.js';

/**
 * A process gives its terminal up: TIOCNOTTY, or the end of a session leader (`exiting`). When it leads the
 * session, the foreground hears SIGHUP (and SIGCONT, when it does not exit) and the whole session has no
 * terminal any more (Linux: disassociate_ctty).
 */
export function disassociateTty(group: ThreadGroup, exiting: boolean): void {
  const { session, kernel } = group;
  if (session.leader !== group) {
    group.droppedTty = true;
    return;
  }
  const tty = session.tty;
  if (tty === null) {
    const old = session.hungUpForeground;
    session.hungUpForeground = null;
    if (exiting && old !== null) {
      kernel.signals.kernelSignal(old, SIGHUP);
      kernel.signals.kernelSignal(old, SIGCONT);
    }
    return;
  }
  if (tty.foreground !== null) {
    kernel.signals.kernelSignal(tty.foreground, SIGHUP);
    if (!exiting) kernel.signals.kernelSignal(tty.foreground, SIGCONT);
  }
  tty.foreground = null;
  tty.session = null;
  session.tty = null;
}
