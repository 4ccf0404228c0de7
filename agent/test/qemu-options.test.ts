import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { QEMU_OPTIONS } from '../gate/qemu-options.ts';

describe('the table of QEMU’s options', () => {
  it('knows which of the installed QEMU’s options take a value', () => {
    const ask = (...args: readonly string[]) =>
      spawnSync('qemu-system-x86_64', args, { encoding: 'utf8', timeout: 5_000 });
    const listed = ask('-help').stdout.matchAll(/^--?([A-Za-z0-9][\w-]*)/gmu);
    const names = new Set([...listed].map(([, name = '']) => name));
    const known = [...names].filter((name) => QEMU_OPTIONS.has(name));
    assert.deepEqual(
      [...names].filter((name) => !known.includes(name)),
      ['xen-domid', 'xen-attach', 'xen-domid-restrict'],
    );
    const isFlag = (name: string) =>
      QEMU_OPTIONS.get(name)?.kind === 'flag' || name === 'preconfig';
    // QEMU looks at all words before it does anything. A value is passed over, whatever it is like.
    const valued = known.filter((name) => !isFlag(name));
    const { stderr } = ask(...valued.flatMap((name) => [`-${name}`, `-value-of-${name}`]), '-last');
    assert.match(stderr, /-last: invalid option/u);
    for (const name of known.filter(isFlag)) {
      assert.match(ask(`-${name}`, '-last').stderr, /-last: invalid option/u, name);
    }
  });
});
