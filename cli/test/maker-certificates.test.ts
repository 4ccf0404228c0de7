import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TpmRootImportOutcome } from '@touchstone/schemas';
import { makeCertificate } from '../../test/support/made-certificate.ts';
import { importInto } from '../commands/ca/import-certificates.ts';
import { type FoundCertificate, readMakerCertificates } from '../import/maker-certificates.ts';

const root = makeCertificate('Vendor root');
const link = makeCertificate('Vendor link', { issuer: root });
const pemOf = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;

describe('a directory of makers’ certificates', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ts-makers-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const put = (path: string, contents: string | Uint8Array) => {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), contents);
  };
  const found = async () => {
    const { certificates, unreadable } = await readMakerCertificates(directory);
    return { names: certificates.map(({ name }) => name), unreadable };
  };

  it('is the tree of a .cab: DER under any name, beside what is no certificate', async () => {
    put('AMD/RootCA/AMD-fTPM.crt', root.der);
    put('AMD/IntermediateCA/a link.cer', link.der);
    put('setup.cmd', '@echo off');
    put('version.txt', '1.0');
    assert.deepEqual(await found(), {
      names: ['AMD/IntermediateCA/a link.cer', 'AMD/RootCA/AMD-fTPM.crt'],
      unreadable: ['setup.cmd', 'version.txt'],
    });
    const { certificates } = await readMakerCertificates(directory);
    assert.deepEqual(
      certificates.map(({ selfSigned }) => selfSigned),
      [false, true],
    );
  });

  it('may hold many in one file of PEM, and the same one twice', async () => {
    put('bundle.pem', `# a word about them\n${pemOf(root.der)}\n${pemOf(link.der)}`);
    put('copy.der', root.der);
    assert.deepEqual(await found(), {
      names: ['bundle.pem (1)', 'bundle.pem (2)'],
      unreadable: [],
    });
  });

  it('may be one file, and follows no link to elsewhere', async () => {
    put('one.pem', pemOf(root.der));
    const { certificates } = await readMakerCertificates(join(directory, 'one.pem'));
    assert.deepEqual(
      certificates.map(({ name }) => name),
      [join(directory, 'one.pem')],
    );
    mkdirSync(join(directory, 'inner'));
    symlinkSync(join(directory, 'one.pem'), join(directory, 'inner', 'link.pem'));
    const inner = await readMakerCertificates(join(directory, 'inner'));
    assert.deepEqual(inner, { certificates: [], unreadable: [] });
    const gone = readMakerCertificates(join(directory, 'gone'));
    await assert.rejects(gone, { code: 'FILE_UNREADABLE' });
  });

  it('names no file so that a terminal is driven by it', async () => {
    put('a\u001b[31m.pem', pemOf(root.der));
    assert.deepEqual((await found()).names, ['a\ufffd[31m.pem']);
  });
});

describe('an import of many', () => {
  const certificate = (name: string, selfSigned: boolean): FoundCertificate => ({
    ...{ name, der: Buffer.from(name), selfSigned },
  });
  const outcomeOf = (name: string, outcome: TpmRootImportOutcome['outcome']) => ({
    ...{ name, outcome, kind: null, fingerprint: null, subject: null, maker: null },
    ...{ class: null, detail: null },
  });

  it('sends roots first, and links again as long as one more leads to a root', async () => {
    const above: Readonly<Record<string, string>> = { lower: 'upper', upper: 'root' };
    const held = new Set<string>();
    const sent: string[][] = [];
    const importTpmRoots = ({ certificates }: { certificates: { name: string }[] }) => {
      sent.push(certificates.map(({ name }) => name));
      const outcomes = certificates.map(({ name }) => {
        if (name === 'root' || held.has(above[name] ?? '')) held.add(name);
        return outcomeOf(name, held.has(name) ? 'taken' : 'no-root');
      });
      return Promise.resolve({ version: 1, outcomes });
    };
    const links = ['lower', 'upper', 'stray'].map((name) => certificate(name, false));
    const outcomes = await importInto({ importTpmRoots }, [...links, certificate('root', true)]);
    assert.deepEqual(sent, [['root', 'lower', 'upper', 'stray'], ['lower', 'stray'], ['stray']]);
    assert.deepEqual(
      outcomes.map(({ name, outcome }) => [name, outcome]),
      [
        ['lower', 'taken'],
        ['upper', 'taken'],
        ['stray', 'no-root'],
        ['root', 'taken'],
      ],
    );
  });

  it('sends 64 at once', async () => {
    const sizes: number[] = [];
    const importTpmRoots = ({ certificates }: { certificates: { name: string }[] }) => {
      sizes.push(certificates.length);
      const outcomes = certificates.map(({ name }) => outcomeOf(name, 'taken'));
      return Promise.resolve({ version: 1, outcomes });
    };
    const many = Array.from({ length: 130 }, (_, index) => certificate(`${index}`, true));
    assert.equal((await importInto({ importTpmRoots }, many)).length, 130);
    assert.deepEqual(sizes, [64, 64, 2]);
  });

  it('ends where nothing more is taken', async () => {
    const importTpmRoots = ({ certificates }: { certificates: { name: string }[] }) =>
      Promise.resolve({
        version: 1,
        outcomes: certificates.map(({ name }) => outcomeOf(name, 'no-root')),
      });
    const [outcome] = await importInto({ importTpmRoots }, [certificate('stray', false)]);
    assert.equal(outcome?.outcome, 'no-root');
  });
});
