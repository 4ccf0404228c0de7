import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const SERVER = new URL('..', import.meta.url);

/** What is asked for, by whichever module, when this one is loaded. */
function askedFor(module: string): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const asked = [];
    registerHooks({ resolve: (name, context, next) => (asked.push(name), next(name, context)) });
    await import('./${module}');
    console.log(JSON.stringify(asked));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { cwd: SERVER, encoding: 'utf8' },
  );
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as string[];
}

describe('The commands of the server', () => {
  for (const module of ['main.ts', 'first-token.ts', 'store/migrate.ts']) {
    it(`load nothing that serves where they serve nobody: ${module}`, () => {
      const asked = askedFor(module);
      assert.ok(asked.includes(`./${module}`));
      assert.deepEqual(
        asked.filter((name) => /\/(?:serve|app)\.ts$|appraisal|^@koa/u.test(name)),
        [],
      );
    });
  }
});
