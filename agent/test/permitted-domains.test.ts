import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadFile } from '../gate/definition.ts';
import { type PermittedDomain, PermittedDomains } from '../libvirt/domain/permitted-domains.ts';

describe('what VMs of libvirt were permitted as', () => {
  const boot = randomUUID();
  let directory: string;
  let domains: PermittedDomains;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-permitted-'));
    domains = await PermittedDomains.open(directory, boot);
  });
  afterEach(() => rm(directory, { recursive: true }));

  const path = () => join(directory, 'permitted-domains.json');
  const file = (name: string): ReadFile => ({
    ...{ path: name, dev: 2n ** 64n - 1n, ino: 7n, size: 0n, mtimeNs: -1n, use: 'open' },
  });
  const domain = (name: string, files: readonly ReadFile[] = [file('/disk')]): PermittedDomain => ({
    ...{ vm: randomUUID(), name, requestId: randomUUID() },
    permitted: { operation: 'restore', definition: { shape: 'ab'.repeat(32), files } },
  });
  const reopened = (of = boot) => PermittedDomains.open(directory, of);

  it('is known to the next agent of this boot, once for each start', async () => {
    const [web, observed] = [domain('web'), { ...domain('observed'), permitted: null }];
    await domains.keep(web);
    await domains.keep(observed);
    const next = await reopened();
    assert.deepEqual(next.take(web.vm), { ...web, heardSince: false });
    assert.equal(next.take(web.vm), null);
    assert.deepEqual(next.takeNamed('observed'), { ...observed, heardSince: false });
    assert.equal(next.takeNamed('observed'), null);
    assert.equal(next.take(randomUUID()), null);
  });

  it('is what was permitted last', async () => {
    const before = domain('web');
    const after = { ...domain('web'), vm: before.vm };
    await domains.keep(before);
    await domains.keep(after);
    const next = await reopened();
    assert.deepEqual(next.take(before.vm), { ...after, heardSince: false });
    assert.equal(next.takeNamed('web'), null);
  });

  it('says to the agent that was asked that it heard all that came since', async () => {
    const [web, other] = [domain('web'), domain('other')];
    await domains.keep(web);
    await domains.keep(other);
    assert.equal(domains.take(web.vm)?.heardSince, true);
    assert.equal(domains.take(other.vm)?.heardSince, true);
  });

  it('is forgotten in another boot', async () => {
    const web = domain('web');
    await domains.keep(web);
    assert.equal((await reopened(randomUUID())).take(web.vm), null);
    assert.equal((await reopened()).take(web.vm), null);
  });

  it('is for the agent alone to read', async () => {
    await domains.keep(domain('web'));
    assert.equal((await stat(path())).mode & 0o777, 0o600);
  });

  it('has no effect where it cannot be written', async () => {
    await mkdir(`${path()}.next`);
    await assert.rejects(domains.keep(domain('web')), { code: 'EISDIR' });
  });

  it('is kept of the newest; the oldest are nothing any more that could be started', async () => {
    const large = () =>
      domain(
        'large',
        Array.from({ length: 900 }, (_, at) => file(`/${at}`)),
      );
    const all = Array.from({ length: 9 }, large);
    for (const each of all) await domains.keep(each);
    const next = await reopened();
    assert.deepEqual(next.take(all[8]?.vm ?? ''), { ...all[8], heardSince: false });
    const oldest = next.take(all[0]?.vm ?? '');
    assert.equal(oldest?.requestId, all[0]?.requestId);
    assert.deepEqual(oldest?.permitted, {
      ...{ operation: 'restore', definition: { shape: '0'.repeat(64), files: [] } },
    });
  });

  it('is never too much of one, which leaves the others as they are', async () => {
    const web = domain('web');
    await domains.keep(web);
    const files = Array.from({ length: 300 }, (_, at) => file(`/${at}`.padEnd(4_096, 'x')));
    await assert.rejects(domains.keep(domain('huge', files)), { code: 'DEFINITION_UNCOVERED' });
    assert.deepEqual((await reopened()).take(web.vm), { ...web, heardSince: false });
  });
});
