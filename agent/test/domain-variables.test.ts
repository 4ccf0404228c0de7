import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DigestCache } from '../images/digest-cache.ts';
import { FileReader } from '../images/file-reader.ts';
import { describeDomain, readDomain } from '../libvirt/domain/describe.ts';
import { preparedXml } from './support/domain-xml.ts';

describe('the firmware’s variables of a domain', () => {
  let dir: string;
  let reader: FileReader;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-domain-'));
    for (const name of ['code.fd', 'vars.fd', 'kernel', 'initrd', 'other.fd']) {
      await writeFile(join(dir, name), name);
    }
    reader = new FileReader({ cache: await DigestCache.open(join(dir, 'digests.json')) });
  });
  after(() => rm(dir, { recursive: true }));

  const at = (name: string) => join(dir, name);
  const described = (nvram: string, readonly = "readonly='yes' ") => {
    const xml = preparedXml(dir)
      .replace(/<nvram .*<\/nvram>/u, nvram)
      .replace("readonly='yes' ", readonly);
    assert.ok(xml.includes(nvram));
    const domain = readDomain(xml);
    const disks = ['vda', 'vdb'].map((name) => ({ name, kind: 'data' as const }));
    return describeDomain(domain, { vm: domain.vm, known: true, disks }, reader);
  };

  for (const [given, nvram] of [
    ['no template', (path: string) => `<nvram>${path}</nvram>`],
    ['an empty one', (path: string) => `<nvram template=''>${path}</nvram>`],
    ['a source alone', (path: string) => `<nvram type='file'><source file='${path}'/></nvram>`],
  ] as const) {
    it(`are refused where they are not there, with ${given}: DEFINITION_UNCOVERED`, async () => {
      await assert.rejects(
        described(nvram(at('none.fd'))),
        ({ code, detail }: { code: string; detail: string }) =>
          code === 'DEFINITION_UNCOVERED' && detail.includes(at('none.fd')),
      );
      await described(nvram(at('other.fd')));
    });
  }

  it('are refused where nobody can tell whether they are there: DEFINITION_UNREADABLE', async () => {
    const below = join(at('code.fd'), 'none.fd');
    await assert.rejects(described(`<nvram>${below}</nvram>`), { code: 'DEFINITION_UNREADABLE' });
  });

  it('may be away where a template is named, whose content counts', async () => {
    const nvram = `<nvram template='${at('vars.fd')}'>${at('none.fd')}</nvram>`;
    const { imageDigests } = await described(nvram);
    assert.ok(imageDigests.includes(createHash('sha256').update('vars.fd').digest('hex')));
  });

  it('count by their path, and not by their content', async () => {
    await writeFile(at('own.fd'), 'one');
    const { digest } = await described(`<nvram>${at('own.fd')}</nvram>`);
    await writeFile(at('own.fd'), 'another');
    assert.equal((await described(`<nvram>${at('own.fd')}</nvram>`)).digest, digest);
    assert.notEqual((await described(`<nvram>${at('other.fd')}</nvram>`)).digest, digest);
  });

  it('are in the firmware’s own file where the VM may write to that: GOLDEN_DISK_WRITABLE', async () => {
    const nvram = `<nvram template='${at('vars.fd')}'>${at('none.fd')}</nvram>`;
    assert.deepEqual((await described(nvram)).warnings, []);
    for (const readonly of ["readonly='no' ", '']) {
      const { warnings } = await described(nvram, readonly);
      assert.deepEqual(
        warnings.map(({ code, actual }) => [code, actual]),
        [['GOLDEN_DISK_WRITABLE', at('code.fd')]],
      );
    }
  });
});
