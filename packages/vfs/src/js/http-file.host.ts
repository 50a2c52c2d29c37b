import { VfsError } from '../core/errors.js';
import { type JsFile, type JsRequest, jsFile } from './ops.js';

export interface HttpFileOptions {
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** ms until an answer that does not come is EIO; default 30 s. */
  timeout?: number;
  /** Permission bits; default 0o444. */
  mode?: number;
  /** Ends the first request. */
  signal?: AbortSignal;
  /** Makes the requests; default: the global `fetch`. */
  fetch?: typeof fetch;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * A file for `jsfs` that lies on a web server, and is fetched in pieces (RFC 9110, section 14: byte ranges)
 * when a guest reads, maps or executes them. One request now tells its size. When it has changed on the
 * server since (its ETag), what was not read yet is EIO.
 *
 * @throws VfsError `ERR_VFS_SOURCE`: the server has no such file, or gives no ranges of it.
 */
export async function httpFile(url: string | URL, options: HttpFileOptions = {}): Promise<JsFile> {
  const { headers, timeout = DEFAULT_TIMEOUT, mode = 0o444 } = options;
  const request = options.fetch ?? fetch;
  const limit = AbortSignal.timeout(timeout);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const about = await request(url, { headers: { ...headers, range: 'bytes=0-0' }, signal }).catch(
    (error: unknown) => {
      throw new VfsError('ERR_VFS_SOURCE', `${url}: ${(error as Error).message}`);
    },
  );
  await about.body?.cancel();
  const size = sizeOf(about);
  if (size === null) throw new VfsError('ERR_VFS_SOURCE', `${url}: no ranges of it (status ${about.status})`);
  const tag = about.headers.get('etag');
  // Weak ones do not promise the same bytes.
  const same: Record<string, string> = tag === null || tag.startsWith('W/') ? {} : { 'if-match': tag };
  const modified = Date.parse(about.headers.get('last-modified') ?? '');

  const read = async ({ offset, length, signal: given }: JsRequest): Promise<Uint8Array> => {
    const range = `bytes=${offset}-${offset + length - 1}`;
    const r = await request(url, { headers: { ...headers, ...same, range }, signal: given });
    if (r.status !== 206 || !r.headers.get('content-range')?.startsWith(`bytes ${offset}-`)) {
      await r.body?.cancel();
      throw new Error(`${url}: status ${r.status} to a range`);
    }
    return new Uint8Array(await r.arrayBuffer());
  };
  const dated = Number.isNaN(modified) ? {} : { mtime: new Date(modified) };
  return jsFile({ size, mode, timeout, cache: true, read, ...dated });
}

/** The whole size, from an answer to a range; an empty file has none to give (416). */
function sizeOf(answer: Response): number | null {
  const text = answer.headers.get('content-range') ?? '';
  const m = answer.status === 206 ? /^bytes 0-0\/(\d+)$/.exec(text) : /^bytes \*\/(0)$/.exec(text);
  const size = m === null || (answer.status !== 206 && answer.status !== 416) ? Number.NaN : Number(m[1]);
  return Number.isSafeInteger(size) ? size : null;
}
