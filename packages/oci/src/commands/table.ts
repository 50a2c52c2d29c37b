/** Rows in columns at least `least` wide, with `gap` spaces behind the longest cell. */
export function table(rows: readonly (readonly string[])[], least: number, gap: number): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? least, cell.length + gap);
  }
  return rows
    .map((row) => `${row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i]!) : cell)).join('')}\n`)
    .join('');
}
