/** Seconds since the epoch, or a Date. */
export type TimeLike = number | Date;

/** Whole seconds and nanoseconds of `time`. Throws a TypeError for what is no time. */
export function timeOf(time: TimeLike): { sec: number; nsec: number } {
  const ms = typeof time === 'number' ? time * 1000 : time.getTime();
  if (!Number.isFinite(ms)) throw new TypeError('invalid time');
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.min(999_999_999, Math.round((ms - sec * 1000) * 1e6)) };
}
