import { createReadStream, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VfsError } from '../core/errors.js';
import type { FileSystemSpec } from '../core/filesystem.js';
import { ArchiveTree } from './entries.js';
import { ArchiveFileSystem } from './populate.js';
import { archiveLimits, type TarOptions } from './tar.host.js';
import { type ArchiveSource, readEntries, readTar } from './tar-reader.js';

/** An image as `umoci`, `skopeo` or `docker save` make them. */
export interface OciImage {
  /** All layers as one read-only file system: the `lower` of an overlay. */
  readonly root: FileSystemSpec;
  /** What the image says of how to run it (OCI image configuration, `config`). */
  readonly config: {
    /** `NAME=value`. */
    readonly env: readonly string[];
    readonly entrypoint: readonly string[];
    readonly cmd: readonly string[];
    readonly workingDir: string;
    /** A name or number, with a group behind a colon; '' for root. */
    readonly user: string;
  };
}

export interface OciOptions extends TarOptions {
  /** Which of several images: its reference name or tag. Default: the first. */
  reference?: string;
  /** Default 'amd64'. */
  architecture?: string;
}

interface Descriptor {
  mediaType?: string;
  digest?: string;
  annotations?: Record<string, string>;
  platform?: { architecture?: string; os?: string };
}

/** The files of an image: a directory of the host, or an archive in memory. */
interface Blobs {
  json(path: string): Promise<unknown>;
  open(path: string): ArchiveSource;
}

const bad = (why: string): VfsError => new VfsError('ERR_VFS_SOURCE', `no image: ${why}`);

/**
 * An OCI image layout (a directory, or an archive of one) or the archive of `docker save`.
 *
 * @throws VfsError `ERR_VFS_SOURCE`: it is none, or has no such image.
 */
export async function ociImage(path: string, options: OciOptions = {}): Promise<OciImage> {
  const limits = archiveLimits(options);
  const isDirectory = await stat(path).then(
    (s) => s.isDirectory(),
    (e: Error) => Promise.reject(bad(e.message)),
  );
  const blobs = isDirectory ? directoryBlobs(path) : await archiveBlobs(createReadStream(path));
  const { config, layers } = await describe(blobs, options);
  const tree = new ArchiveTree(limits, true);
  for (const layer of layers) await readTar(blobs.open(layer), tree);
  return {
    root: { kind: 'oci', create: (env) => new ArchiveFileSystem(env, tree.root, path) },
    config: runConfig(config),
  };
}

function directoryBlobs(dir: string): Blobs {
  // A link in an image must not lead to other files of the host.
  const inside = (path: string): string | null => {
    let root: string;
    let real: string;
    try {
      root = realpathSync(dir);
      real = realpathSync(join(dir, path));
    } catch {
      return null;
    }
    if (!real.startsWith(root.endsWith('/') ? root : `${root}/`)) throw bad(`${path} leads out of it`);
    return real;
  };
  return {
    json: async (path) => {
      const real = inside(path);
      return real === null ? null : parse(await readFile(real, 'utf8'), path);
    },
    open: (path) => {
      const real = inside(path);
      if (real === null) throw bad(`${path} is missing`);
      return createReadStream(real);
    },
  };
}

async function archiveBlobs(source: ArchiveSource): Promise<Blobs> {
  const files = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  try {
    const mayHold = (bytes: number): void => {
      if (bytes > archiveLimits({}).bytes) throw new RangeError('it holds more than it may');
    };
    await readEntries(source, mayHold, (header, content) => {
      const name = header.name.replace(/^(\.\/)+/, '');
      // docker save names a layer that occurs twice by a symbolic link.
      if (header.type === 'symlink') links.set(name, join(name, '..', header.linkname ?? ''));
      else if (header.type === 'file') files.set(name, content);
    });
  } catch (error) {
    throw bad((error as Error).message);
  }
  const find = (path: string): Uint8Array | undefined => files.get(path) ?? files.get(links.get(path) ?? '');
  return {
    json: async (path) => {
      const bytes = find(path);
      return bytes === undefined ? null : parse(Buffer.from(bytes).toString('utf8'), path);
    },
    open: (path) => {
      const bytes = find(path);
      if (bytes === undefined) throw bad(`${path} is missing`);
      return bytes;
    },
  };
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad(`${path} is not JSON`);
  }
}

/** Where a blob lies: only digests of the known form lead anywhere. */
function blobPath(descriptor: Descriptor | undefined): string {
  const m = /^(sha256|sha512):([0-9a-f]{32,128})$/.exec(descriptor?.digest ?? '');
  if (m === null) throw bad(`a digest that is none: ${descriptor?.digest}`);
  return `blobs/${m[1]}/${m[2]}`;
}

async function describe(blobs: Blobs, options: OciOptions): Promise<{ config: unknown; layers: string[] }> {
  const index = (await blobs.json('index.json')) as { manifests?: Descriptor[] } | null;
  if (index !== null && Array.isArray(index.manifests)) return fromIndex(blobs, index.manifests, options);
  const saved = (await blobs.json('manifest.json')) as
    | { Config: string; Layers: string[]; RepoTags?: string[] }[]
    | null;
  if (!Array.isArray(saved)) throw bad('neither index.json nor manifest.json');
  const image =
    options.reference === undefined
      ? saved[0]
      : saved.find((i) => i.RepoTags?.includes(options.reference as string));
  if (image === undefined || !Array.isArray(image.Layers)) throw bad('no such image in it');
  return { config: await blobs.json(String(image.Config)), layers: image.Layers.map(String) };
}

async function fromIndex(
  blobs: Blobs,
  manifests: readonly Descriptor[],
  options: OciOptions,
): Promise<{ config: unknown; layers: string[] }> {
  const { reference, architecture = 'amd64' } = options;
  const named = reference === undefined ? manifests : manifests.filter((m) => isNamed(m, reference));
  const fits = (m: Descriptor): boolean =>
    m.platform === undefined || (m.platform.architecture === architecture && m.platform.os !== 'windows');
  const chosen = named.find(fits);
  if (chosen === undefined) throw bad('no such image in it');
  const manifest = (await blobs.json(blobPath(chosen))) as {
    manifests?: Descriptor[];
    config?: Descriptor;
    layers?: Descriptor[];
  } | null;
  if (manifest === null) throw bad('its manifest is missing');
  // An index of an index: one image for several architectures.
  if (Array.isArray(manifest.manifests)) return fromIndex(blobs, manifest.manifests, { architecture });
  if (!Array.isArray(manifest.layers)) throw bad('a manifest without layers');
  return { config: await blobs.json(blobPath(manifest.config)), layers: manifest.layers.map(blobPath) };
}

function isNamed(m: Descriptor, reference: string): boolean {
  const a = m.annotations ?? {};
  return a['org.opencontainers.image.ref.name'] === reference || a['io.containerd.image.name'] === reference;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

function runConfig(image: unknown): OciImage['config'] {
  const c = ((image as { config?: Record<string, unknown> } | null)?.config ?? {}) as Record<string, unknown>;
  return {
    env: strings(c.Env),
    entrypoint: strings(c.Entrypoint),
    cmd: strings(c.Cmd),
    workingDir: typeof c.WorkingDir === 'string' ? c.WorkingDir : '',
    user: typeof c.User === 'string' ? c.User : '',
  };
}
