import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JoinTokenCreated } from '@touchstone/schemas';
import { inherited } from '../support/inherited.ts';
import { corrupt } from '../support/records.ts';
import { BIN, startTouchstone, type Touchstone } from '../support/touchstone.ts';

type Walk = {
  readonly from: number;
  readonly to: number;
  readonly head: string;
  readonly brokenAt: number | null;
  readonly holdsNoted: boolean | null;
  readonly whole: boolean;
};

describe('touchstone audit verify', () => {
  let touchstone: Touchstone;
  let home: string;

  const command = (...args: readonly string[]) =>
    new Promise<{ exit: number; out: string }>((resolve) => {
      const env = { ...inherited(), HOME: home, XDG_CONFIG_HOME: home, NO_COLOR: '1' };
      execFile(process.execPath, [BIN.touchstone, ...args], { env }, (error, out) =>
        resolve({ exit: error === null ? 0 : Number(error.code), out }),
      );
    });
  const verify = async (...args: readonly string[]) => {
    const { exit, out } = await command('audit', 'verify', '--json', ...args);
    return { exit, ...(JSON.parse(out) as Walk) };
  };

  before(async () => {
    touchstone = await startTouchstone();
    home = await mkdtemp(join(tmpdir(), 'ts-audit-'));
    const tokenFile = join(home, 'token');
    await writeFile(tokenFile, touchstone.token, { mode: 0o600 });
    const { exit } = await command(
      ...['login', '--server', touchstone.url, '--fingerprint', touchstone.fingerprint],
      ...['--token-file', tokenFile],
    );
    assert.equal(exit, 0);
    // More lines than a page has.
    const body = { classes: ['software'], labels: {}, approve: false };
    for (let count = 0; count < 120; count += 1) {
      await touchstone.operator('POST', '/v1/join-tokens', JoinTokenCreated, body);
    }
  });
  after(async () => {
    await touchstone?.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('finds the log whole from its first line on, and says what to note', async () => {
    const { exit, whole, from, to } = await verify();
    assert.deepEqual([exit, whole, from], [0, true, 1]);
    assert.ok(to > 120);
    assert.match((await command('audit', 'verify')).out, /--noted [0-9]+:[0-9a-f]{64}\n/u);
  });

  it('finds a line that was noted before, and tells of a log that lost it', async () => {
    const { to, head } = await verify();
    const noted = ['--noted', `${to}:${head}`];
    const kept = await verify(...noted);
    assert.deepEqual([kept.exit, kept.holdsNoted], [0, true]);
    await corrupt(touchstone, 'DELETE FROM audit WHERE sequence >= $1', [to]);
    const cut = await verify(...noted);
    assert.deepEqual([cut.exit, cut.brokenAt, cut.holdsNoted, cut.whole], [1, null, false, false]);
  });

  it('names the first line that was changed, left out or put in', async () => {
    await corrupt(touchstone, `UPDATE audit SET detail = 'nothing' WHERE sequence = $1`, [70]);
    assert.equal((await verify()).brokenAt, 70);
    await corrupt(touchstone, 'DELETE FROM audit WHERE sequence = $1', [50]);
    const { exit, brokenAt } = await verify();
    assert.deepEqual([exit, brokenAt], [1, 51]);
    assert.match((await command('audit', 'verify')).out, /broken\s+line 51 does not follow/u);
  });
});
