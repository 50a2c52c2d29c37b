import {
  ECHO,
  ECHOCTL,
  ECHONL,
  EXTPROC,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IUCLC,
  IXANY,
  IXON,
  NOFLSH,
  PARMRK,
  SIGINT,
  SIGQUIT,
  SIGTSTP,
  VEOF,
  VEOL,
  VEOL2,
  VERASE,
  VINTR,
  VKILL,
  VLNEXT,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTOP,
  VSUSP,
  VWERASE,
} from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import { BS, CARET, CR, DISABLED, NL, toLower } from './chars.js';
import { Echo } from './echo.js';
import { LINE_BUFFER_SIZE, LineBuffer } from './line-buffer.js';
import { LineEraser } from './line-eraser.js';
import { Output, type OutputSink } from './output.js';
import type { Termios } from './termios.js';

/** What the line discipline asks of the terminal it works for. */
export interface LineHost extends OutputSink {
  readonly termios: Termios;
  /** Output is stopped (^S, tcflow). */
  readonly stopped: boolean;
  /** Stopped by tcflow(3): only tcflow starts it again. */
  readonly stoppedByCall: boolean;
  stopOutput(): void;
  startOutput(): void;
  /** To the foreground process group. */
  signalForeground(sig: number): void;
  /** Throw away output the other side has not taken. */
  discardOutput(): void;
  /** Input was thrown away: packet mode tells the other side. */
  inputDiscarded(): void;
  /** A reader may find something. */
  inputReady(): void;
}

/**
 * N_TTY (termios(3)): turns what arrives from the other side of a terminal into what programs read, with
 * echo, line editing, signals and flow control.
 */
export class LineDiscipline {
  readonly output: Output;
  readonly echo: Echo;
  readonly input = new LineBuffer();
  private readonly eraser: LineEraser;
  private readonly termios: Termios;
  /** Characters that may mean something: all others take the short way. */
  private readonly special = new Uint8Array(256);
  private raw = false;
  private canonical = true;
  /** The next character is literal (VLNEXT). */
  private literal = false;
  private ready = false;

  constructor(private readonly host: LineHost) {
    this.termios = host.termios;
    this.output = new Output(host.termios, host);
    this.echo = new Echo(host.termios, this.output, host);
    this.eraser = new LineEraser(this.termios, this.input, this.echo);
    this.settingsChanged(null);
  }

  // Settings ------------------------------------------------------------------------------------------------

  /** The termios changed from `old` (null: at the start). */
  settingsChanged(old: Termios | null): void {
    const { iflag, lflag } = this.termios;
    if (old === null || ((old.lflag ^ lflag) & (ICANON | EXTPROC)) !== 0) this.modeChanged();
    this.canonical = (lflag & ICANON) !== 0;
    const cooks =
      (iflag & (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)) !== 0 ||
      (lflag & (ICANON | ISIG | ECHO)) !== 0;
    this.raw = !cooks;
    this.special.fill(0);
    if (cooks) this.markSpecial();
    // Whoever turns IXON off must not be left with output that only ^Q would start again.
    if (old !== null && (iflag & IXON) === 0 && (old.iflag & IXON) !== 0 && !this.host.stoppedByCall) {
      this.host.startOutput();
      this.echo.flushMarked();
    }
  }

  /** Canonical mode was entered or left: what is buffered is one piece that can be read as it is. */
  private modeChanged(): void {
    this.input.remark((this.termios.lflag & ICANON) !== 0);
    this.eraser.reset();
    this.literal = false;
  }

  private markSpecial(): void {
    const { iflag, lflag, cc } = this.termios;
    const s = this.special;
    if ((iflag & (IGNCR | ICRNL)) !== 0) s[CR] = 1;
    if ((iflag & INLCR) !== 0) s[NL] = 1;
    if ((lflag & ICANON) !== 0) {
      s[cc[VERASE]!] = s[cc[VKILL]!] = s[cc[VEOF]!] = s[cc[VEOL]!] = s[NL] = 1;
      if ((lflag & IEXTEN) !== 0) {
        s[cc[VWERASE]!] = s[cc[VLNEXT]!] = s[cc[VEOL2]!] = 1;
        if ((lflag & ECHO) !== 0) s[cc[VREPRINT]!] = 1;
      }
    }
    if ((iflag & IXON) !== 0) s[cc[VSTART]!] = s[cc[VSTOP]!] = 1;
    if ((lflag & ISIG) !== 0) s[cc[VINTR]!] = s[cc[VQUIT]!] = s[cc[VSUSP]!] = 1;
    s[DISABLED] = 0;
  }

  // Receiving -----------------------------------------------------------------------------------------------

  /**
   * Take up to `count` bytes that arrived. Returns how many: fewer when the buffer is full of what nobody has
   * read.
   */
  receive(bytes: Uint8Array, start: number, count: number): number {
    let done = 0;
    this.ready = false;
    while (done < count) {
      let room = LINE_BUFFER_SIZE - this.input.length;
      if ((this.termios.iflag & PARMRK) !== 0) room = Math.ceil(room / 3);
      room--;
      if (room <= 0) {
        // An unfinished line that fills the buffer: its last place takes every further character, so that
        // editing and the end of the line still work.
        if (!this.canonical || this.input.hasLine) break;
        if (room < 0) this.input.head--;
        room = 1;
      }
      const n = Math.min(count - done, room);
      this.take(bytes, start + done, n);
      done += n;
    }
    if (this.ready || (done > 0 && !this.byLines && this.input.length > 0)) this.host.inputReady();
    return done;
  }

  private take(bytes: Uint8Array, start: number, count: number): void {
    const { iflag, lflag } = this.termios;
    const strips = (iflag & ISTRIP) !== 0;
    const lowers = (iflag & IUCLC) !== 0 && (lflag & IEXTEN) !== 0;
    const external = (lflag & EXTPROC) !== 0;
    if (this.raw || (external && !strips && !lowers)) {
      for (let i = 0; i < count; i++) this.input.put(bytes[start + i]!);
      return;
    }
    for (let i = 0; i < count; i++) {
      let c = bytes[start + i]!;
      if (strips) c &= 0x7f;
      if (lowers) c = toLower(c);
      if (this.literal) {
        this.literal = false;
        this.plain(c);
      } else if (external) this.input.put(c);
      else if (this.special[c] === 1) this.control(c);
      else this.plain(c);
    }
    if ((lflag & (ECHO | ECHONL)) !== 0) this.echo.flush();
  }

  /** A character without a meaning of its own. */
  private plain(c: number): void {
    this.startOnAny();
    if ((this.termios.lflag & ECHO) !== 0) {
      this.eraser.finish();
      if (this.input.atLineStart) this.echo.setCanonColumn();
      this.eraser.show(c);
      this.echo.commit();
    }
    this.store(c);
  }

  private store(c: number): void {
    // With PARMRK a real 0xff is told from the mark of a bad character by doubling it.
    if (c === 0xff && (this.termios.iflag & PARMRK) !== 0) this.input.put(c);
    this.input.put(c);
  }

  /** IXANY: any character starts stopped output. */
  private startOnAny(): void {
    const host = this.host;
    if (host.stopped && !host.stoppedByCall && (this.termios.iflag & (IXON | IXANY)) === (IXON | IXANY)) {
      host.startOutput();
      this.echo.flushMarked();
    }
  }

  private control(c: number): void {
    const { iflag, lflag, cc } = this.termios;
    if ((iflag & IXON) !== 0) {
      if (c === cc[VSTART]) {
        this.host.startOutput();
        this.echo.flushMarked();
        return;
      }
      if (c === cc[VSTOP]) {
        this.host.stopOutput();
        return;
      }
    }
    if ((lflag & ISIG) !== 0) {
      const sig = c === cc[VINTR] ? SIGINT : c === cc[VQUIT] ? SIGQUIT : c === cc[VSUSP] ? SIGTSTP : 0;
      if (sig !== 0) {
        this.signal(sig, c);
        return;
      }
    }
    this.startOnAny();
    if (c === CR) {
      if ((iflag & IGNCR) !== 0) return;
      if ((iflag & ICRNL) !== 0) c = NL;
    } else if (c === NL && (iflag & INLCR) !== 0) c = CR;
    if (this.canonical && this.edit(c)) return;
    if ((lflag & ECHO) !== 0) {
      this.eraser.finish();
      if (c === NL) this.echo.raw(NL);
      else {
        if (this.input.atLineStart) this.echo.setCanonColumn();
        this.eraser.show(c);
      }
      this.echo.commit();
    }
    this.store(c);
  }

  /** ^C and its kin: signal, throw waiting data away (unless NOFLSH), show the character. */
  private signal(sig: number, c: number): void {
    const { iflag, lflag } = this.termios;
    this.host.signalForeground(sig);
    if ((lflag & NOFLSH) === 0) {
      this.echo.clear();
      this.host.discardOutput();
      this.reset();
      this.host.inputDiscarded();
    }
    if ((iflag & IXON) !== 0) this.host.startOutput();
    if ((lflag & ECHO) !== 0) {
      this.eraser.show(c);
      this.echo.commit();
    } else this.echo.flushMarked();
  }

  // Line editing --------------------------------------------------------------------------------------------

  /** Canonical mode's own characters; false when `c` is none of them. */
  private edit(c: number): boolean {
    const { lflag, cc } = this.termios;
    const extended = (lflag & IEXTEN) !== 0;
    if (c === cc[VERASE] || c === cc[VKILL] || (c === cc[VWERASE] && extended)) {
      this.eraser.erase(c);
      this.echo.commit();
      return true;
    }
    if (c === cc[VLNEXT] && extended) {
      this.literal = true;
      if ((lflag & ECHO) !== 0) {
        this.eraser.finish();
        if ((lflag & ECHOCTL) !== 0) {
          this.echo.raw(CARET);
          this.echo.raw(BS);
          this.echo.commit();
        }
      }
      return true;
    }
    if (c === cc[VREPRINT] && (lflag & ECHO) !== 0 && extended) {
      this.reprint(c);
      return true;
    }
    if (c === NL) {
      if ((lflag & (ECHO | ECHONL)) !== 0) {
        this.echo.raw(NL);
        this.echo.commit();
      }
      this.endLine(c);
      return true;
    }
    if (c === cc[VEOF]) {
      this.endLine(DISABLED);
      return true;
    }
    if (c === cc[VEOL] || (c === cc[VEOL2] && extended)) {
      if ((lflag & ECHO) !== 0) {
        if (this.input.atLineStart) this.echo.setCanonColumn();
        this.eraser.show(c);
        this.echo.commit();
      }
      if (c === 0xff && (this.termios.iflag & PARMRK) !== 0) this.input.put(c);
      this.endLine(c);
      return true;
    }
    return false;
  }

  private endLine(c: number): void {
    this.input.endLine(c);
    this.ready = true;
  }

  private reprint(c: number): void {
    // A line reprinted into a full queue would only be lost, and a program could keep us at it for long.
    if (this.echo.full) return;
    this.eraser.finish();
    this.eraser.show(c);
    this.echo.raw(NL);
    for (let at = this.input.canonHead; at !== this.input.head; at++) this.eraser.show(this.input.at(at));
    this.echo.commit();
  }

  // Reading -------------------------------------------------------------------------------------------------

  /** Read characters by lines. */
  get byLines(): boolean {
    return this.canonical && (this.termios.lflag & EXTPROC) === 0;
  }

  /**
   * Canonical mode whose line editing is done elsewhere (EXTPROC): bytes as they came, and no VMIN or VTIME.
   */
  get external(): boolean {
    return this.canonical && (this.termios.lflag & EXTPROC) !== 0;
  }

  /**
   * Read what there is, not by lines. Bytes handed over, or -EFAULT; 0 for a lone end-of-file character under
   * EXTPROC.
   */
  readRaw(io: IoBuf): number {
    const { input } = this;
    if (this.external && input.length === 1 && input.at(input.tail) === this.termios.cc[VEOF]) {
      input.tail++;
      return 0;
    }
    return input.readRaw(io);
  }

  /** There is something to read: in canonical mode a line, else at least `min` bytes. */
  available(min: number): boolean {
    return this.byLines ? this.input.hasLine : this.input.length >= min;
  }

  /** FIONREAD: bytes of all finished lines, without end-of-file marks; outside canonical mode all bytes. */
  get readable(): number {
    return this.byLines ? this.input.lineBytes : this.input.length;
  }

  // Flushing ------------------------------------------------------------------------------------------------

  /** Forget all input. */
  flushInput(): void {
    this.reset();
    this.host.inputDiscarded();
  }

  private reset(): void {
    this.input.clear();
    this.eraser.reset();
  }

  /** As new, with whatever settings there are now (hangup). */
  restart(): void {
    this.reset();
    this.literal = false;
    this.echo.clear();
    this.output.reset();
    this.settingsChanged(null);
  }

  /** Output is about to be written: echo that waits comes first. */
  beforeOutput(): void {
    this.echo.flushMarked();
  }
}
