import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * An image whose one layer is the directory `root`, as `docker save` writes it: WORK/NAME.tar. `entrypoint`:
 * what it runs.
 */
export function makeImage(root: string, work: string, name: string, entrypoint?: readonly string[]): string {
  const image = join(work, name);
  mkdirSync(image);
  execFileSync('tar', ['-C', root, '-cf', join(image, 'layer.tar'), '.']);
  const digest = execFileSync('sha256sum', [join(image, 'layer.tar')], { encoding: 'utf8' }).slice(0, 64);
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Entrypoint: entrypoint },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(image, 'config.json'), JSON.stringify(config));
  const manifest = [
    { Config: 'config.json', RepoTags: [`docker.io/library/${name}:latest`], Layers: ['layer.tar'] },
  ];
  writeFileSync(join(image, 'manifest.json'), JSON.stringify(manifest));
  execFileSync('tar', ['-C', image, '-cf', `${image}.tar`, '.']);
  return `${image}.tar`;
}
