import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { house } from './support/compose.ts';

const EX_USAGE = 64;

/** `npm run bench`, set up already. */
async function bench(...args: readonly string[]) {
  const child = spawn(process.execPath, ['bench/main.ts', ...args], {
    cwd: house,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

type Report = {
  readonly reached: boolean;
  readonly figures: readonly {
    readonly row: string;
    readonly what: string;
    readonly measured: { readonly value: number; readonly unit: string };
    readonly against: { readonly name: string; readonly value: number };
    readonly ratio: number | null;
    readonly reached: boolean;
  }[];
};

/** What it measures is for who asks for figures; here only that it measures. */
describe('npm run bench', function () {
  // It starts a deployment and a host, each on one core.
  this.timeout(300_000);

  it('measures every row beside its floor, and its exit code says whether all is reached', async () => {
    const { code, stdout, stderr } = await bench('--quick', '--rounds', '1', '--json');
    assert.ok(code === 0 || code === 1, stderr);
    const { figures, reached } = JSON.parse(stdout) as Report;
    assert.equal(code, reached ? 0 : 1);
    assert.equal(
      reached,
      figures.every((figure) => figure.reached),
    );
    const rows = figures.map(({ row }) => row);
    // A recorded machine is measured where its files are.
    const recorded = process.env['TOUCHSTONE_CORPUS'] === undefined ? [] : ['workload', 'workload'];
    assert.deepEqual(rows, [
      ...recorded,
      'steady',
      'steady',
      'ima',
      'ima',
      'http',
      'http',
      'http',
      'gate',
      'gate',
      'gate',
      'gate',
      'gate',
      'agent',
      'agent',
    ]);
    for (const { what, measured, against, ratio } of figures) {
      if (measured.unit === '%') continue;
      assert.ok(measured.value > 0 && against.value > 0, what);
      assert.ok(ratio !== null && Math.abs(ratio - measured.value / against.value) < 1e-9, what);
    }
  });

  it('shows a table, and measures only the rows that are named', async () => {
    const { stdout, stderr } = await bench('steady', '--quick', '--rounds', '1');
    assert.match(stdout, /^steady .*one verify .*(reached|MISSED)$/mu, stderr);
    assert.doesNotMatch(stdout, /^http /mu);
    assert.match(stderr, /^steady: round 1 of 1$/mu);
  });

  it('says which rows there are to whoever asks for another: 64', async () => {
    const { code, stderr } = await bench('nonsense');
    assert.equal(code, EX_USAGE);
    assert.match(stderr, /no row is called nonsense/u);
    for (const row of ['steady', 'http', 'gate', 'agent'])
      assert.ok(stderr.includes(`  ${row} `), stderr);
  });
});
