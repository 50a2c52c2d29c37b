import { probePlatforms } from '@sandbox/kernel';

/** Print each platform's probe. 0 when at least one works. */
export async function doctor(flags: { json?: boolean }): Promise<number> {
  const probes = await probePlatforms();
  const works = probes.some((p) => p.result.ok);
  if (flags.json) {
    console.log(JSON.stringify(probes, null, 2));
    return works ? 0 : 1;
  }
  const colour = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  console.log(
    `node ${process.version}, ${process.platform} ${process.arch}, uid ${process.getuid?.() ?? '?'}`,
  );
  for (const { name, result } of probes) {
    if (result.ok) console.log(`${paint(32, 'ok  ')} ${name.padEnd(8)} ${result.detail}`);
    else console.log(`${paint(31, 'no  ')} ${name.padEnd(8)} ${result.code}: ${result.why}`);
  }
  const best = probes.find((p) => p.result.ok);
  console.log(best ? `'auto' takes ${best.name}` : 'no platform can run guests here');
  return works ? 0 : 1;
}
