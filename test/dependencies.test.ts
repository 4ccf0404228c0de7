import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
const document = read('docs/dependencies.md');

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifests = globSync(['package.json', '*/package.json'], { cwd: root }).map((path) => {
  const manifest = JSON.parse(read(path)) as Manifest;
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  return { path, all: { ...dependencies, ...devDependencies, ...optionalDependencies } };
});

describe('docs/dependencies.md', () => {
  for (const { path, all } of manifests) {
    it(`has a line for each dependency of ${path}, which pins it`, () => {
      for (const [name, version] of Object.entries(all)) {
        assert.match(version, /^\d+\.\d+\.\d+$/, name);
        if (!name.startsWith('@touchstone/')) assert.ok(document.includes(`\`${name}\``), name);
      }
    });
  }

  it('has a line for each Debian package of the set-up', () => {
    const packages = read('deploy/setup/debian-packages').matchAll(/^(?:run|test) +(\S+)/gm);
    for (const [, name] of packages) assert.ok(document.includes(`\`${name}\``), name);
  });

  it('names none that is not there any more', () => {
    const there = new Set(manifests.flatMap(({ all }) => Object.keys(all)));
    const fromNpm = document.slice(0, document.indexOf('## From Debian'));
    for (const [, cell = ''] of fromNpm.matchAll(/^\| ((?:`[^`]+`,? *)+)\|/gm)) {
      for (const [, name = ''] of cell.matchAll(/`([^`]+)`/g)) assert.ok(there.has(name), name);
    }
  });
});

describe('the bins', () => {
  it('go on in the pinned Node in the same way', () => {
    assert.equal(read('agent/bin/pinned-node.mjs'), read('cli/bin/pinned-node.mjs'));
  });
});
