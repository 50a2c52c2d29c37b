import { ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHOPRT, IUTF8, VERASE, VKILL, VWERASE } from '@sandbox/abi';
import { BACKSLASH, BS, isAlnum, isCntrl, isContinuation, NL, SLASH, SPACE, TAB } from './chars.js';
import type { Echo } from './echo.js';
import type { LineBuffer } from './line-buffer.js';
import type { Termios } from './termios.js';

const ERASE_CHARACTER = 0;
const ERASE_WORD = 1;
const ERASE_LINE = 2;

/** Erasing within the unfinished line, and how it shows (termios(3) ECHOE, ECHOK, ECHOKE, ECHOPRT). */
export class LineEraser {
  /** An erased run is being shown between \ and / (ECHOPRT). */
  private erasing = false;

  constructor(
    private readonly termios: Termios,
    private readonly input: LineBuffer,
    private readonly echo: Echo,
  ) {}

  reset(): void {
    this.erasing = false;
  }

  /** Echo a character: control characters as ^X with ECHOCTL. */
  show(c: number): void {
    this.echo.char(c, (this.termios.lflag & ECHOCTL) !== 0 && isCntrl(c) && c !== TAB);
  }

  /** Something else than erasing comes: the erased run is closed. */
  finish(): void {
    if (!this.erasing) return;
    this.echo.raw(SLASH);
    this.erasing = false;
  }

  private continues(c: number): boolean {
    return (this.termios.iflag & IUTF8) !== 0 && isContinuation(c);
  }

  /** VERASE, VWERASE or VKILL came. */
  erase(c: number): void {
    if (this.input.head === this.input.canonHead) return;
    const { lflag, cc } = this.termios;
    const echoes = (lflag & ECHO) !== 0;
    let kind = ERASE_LINE;
    if (c === cc[VERASE]) kind = ERASE_CHARACTER;
    else if (c === cc[VWERASE]) kind = ERASE_WORD;
    else if (!echoes || (lflag & (ECHOK | ECHOKE | ECHOE)) !== (ECHOK | ECHOKE | ECHOE)) {
      this.input.head = this.input.canonHead;
      if (!echoes) return;
      this.finish();
      this.show(cc[VKILL]!);
      if ((lflag & ECHOK) !== 0) this.echo.raw(NL);
      return;
    }
    this.eraseBack(kind);
    if (this.input.head === this.input.canonHead && echoes) this.finish();
  }

  private eraseBack(kind: number): void {
    let inWord = false;
    while (this.input.head !== this.input.canonHead) {
      let at = this.input.head;
      let c: number;
      do {
        at--;
        c = this.input.at(at);
      } while (this.continues(c) && at !== this.input.canonHead);
      // Half a character is not erased.
      if (this.continues(c)) return;
      if (kind === ERASE_WORD) {
        if (isAlnum(c) || c === 95) inWord = true;
        else if (inWord) return;
      }
      const length = this.input.head - at;
      this.input.head = at;
      if ((this.termios.lflag & ECHO) !== 0) this.echoErased(c, length, kind);
      if (kind === ERASE_CHARACTER) return;
    }
  }

  /** Show that the character at `head`, `length` bytes beginning with `c`, is gone. */
  private echoErased(c: number, length: number, kind: number): void {
    const { lflag, cc } = this.termios;
    if ((lflag & ECHOPRT) !== 0) {
      if (!this.erasing) {
        this.echo.raw(BACKSLASH);
        this.erasing = true;
      }
      this.show(c);
      for (let i = 1; i < length; i++) {
        this.echo.raw(this.input.at(this.input.head + i));
        this.echo.moveBack();
      }
    } else if (kind === ERASE_CHARACTER && (lflag & ECHOE) === 0) this.show(cc[VERASE]!);
    else if (c === TAB) this.echoErasedTab();
    else {
      const control = isCntrl(c);
      const shown = (lflag & ECHOCTL) !== 0;
      if (control && shown) this.echoRubout();
      if (!control || shown) this.echoRubout();
    }
  }

  private echoRubout(): void {
    this.echo.raw(BS);
    this.echo.raw(SPACE);
    this.echo.raw(BS);
  }

  /** How far to go back over a tab depends on what stands between it and the tab before. */
  private echoErasedTab(): void {
    let columns = 0;
    for (let at = this.input.head; at !== this.input.canonHead; ) {
      const c = this.input.at(--at);
      if (c === TAB) {
        this.echo.eraseTab(columns, true);
        return;
      }
      if (isCntrl(c)) {
        if ((this.termios.lflag & ECHOCTL) !== 0) columns += 2;
      } else if (!this.continues(c)) columns++;
    }
    this.echo.eraseTab(columns, false);
  }
}
