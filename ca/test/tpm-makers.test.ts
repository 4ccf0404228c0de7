import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesOfFile, parseIssuerCertificate } from '@touchstone/endorsement';
import { corpusPath, describeCorpus } from '../../test/support/corpus.ts';
import { KNOWN_CERTIFICATES, type KnownCertificate } from '../tpm-makers/index.ts';
import { judgeCertificate, type Judging } from '../tpm-roots/judge-certificate.ts';
import { makeEndorsement } from './support/made-endorsement.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const made = makeEndorsement(new Date(), { intermediate: true, maker: 'Vendor root' });
const { rootDer, intermediateDer = new Uint8Array() } = made;

const listing = (...certificates: KnownCertificate[]): Judging['known'] => ({
  ...{ version: 7, date: '2026-01-01', terms: '', collections: [] },
  bySha256: new Map(certificates.map((one) => [one.sha256, one])),
});

const listedRoot: Extract<KnownCertificate, { kind: 'root' }> = {
  kind: 'root',
  sha256: sha256(rootDer),
  maker: 'Vendor',
  source: 'list 7',
  url: null,
  class: 'discrete',
  ekAlgorithm: 'ecc',
  note: undefined,
};

function judge(der: Uint8Array, known: Judging['known'], held: readonly Uint8Array[] = []) {
  const subjectOf = (one: Uint8Array) => parseIssuerCertificate(one).subject;
  return judgeCertificate(der, {
    ...{ known, by: 'somebody' },
    held: new Map(
      held.map((one) => [sha256(one), { der: one, subject: subjectOf(one), maker: 'Vendor' }]),
    ),
  });
}

describe("an import of makers' certificates", () => {
  it('takes what the list knows at once, with the class and the source that it has there', () => {
    const { outcome, root } = judge(rootDer, listing(listedRoot));
    assert.deepEqual(
      [outcome.outcome, outcome.class, outcome.kind, outcome.subject],
      ['taken', 'discrete', 'root', 'CN=Vendor root'],
    );
    assert.equal(root?.ekAlgorithm, 'ecc');
    assert.deepEqual(
      [root?.provenance.listVersion, root?.provenance.source, root?.addedBy],
      [7, 'list 7', 'somebody'],
    );
  });

  it('leaves what the list knows of no single class for a person: class-needed', () => {
    const { outcome, root } = judge(rootDer, listing({ ...listedRoot, class: null, note: 'Why' }));
    assert.deepEqual([outcome.outcome, outcome.detail, root], ['class-needed', 'Why', undefined]);
  });

  it('leaves every other root for a person: not-on-list', () => {
    assert.equal(judge(rootDer, listing()).outcome.outcome, 'not-on-list');
    const altered = Uint8Array.from(rootDer);
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    const { outcome, root } = judge(altered, listing(listedRoot));
    assert.notEqual(outcome.outcome, 'taken');
    assert.equal(root, undefined);
  });

  it('takes a link that a certificate which is held has signed, for nothing but a link', () => {
    const { outcome, root } = judge(intermediateDer, listing(), [rootDer]);
    assert.deepEqual([outcome.outcome, outcome.kind], ['taken', 'intermediate']);
    assert.deepEqual([root?.class, root?.ekAlgorithm], [null, null]);
    assert.equal(root?.provenance.source, 'signed by CN=Vendor root');
  });

  it('leaves a link that leads to no root, or that another of the same name signed: no-root', () => {
    assert.equal(judge(intermediateDer, listing()).outcome.outcome, 'no-root');
    const namesake = makeEndorsement(new Date(), { maker: 'Vendor root' });
    const { outcome } = judge(intermediateDer, listing(), [namesake.rootDer]);
    assert.deepEqual([outcome.outcome, outcome.detail], ['no-root', 'issued by CN=Vendor root']);
    // Of the right name and key identifier, and not signed.
    const forged = Uint8Array.from(intermediateDer);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    assert.equal(judge(forged, listing(), [rootDer]).outcome.outcome, 'no-root');
    // An EK certificate is no CA, and signs none.
    const { certificate } = made;
    assert.equal(judge(rootDer, listing(), [certificate]).outcome.outcome, 'not-on-list');
  });

  it('says what is held, and what is no certificate: already, malformed', () => {
    assert.equal(judge(rootDer, listing(listedRoot), [rootDer]).outcome.outcome, 'already');
    for (const bytes of [Uint8Array.of(), rootDer.subarray(0, 40), Buffer.from('a page')]) {
      assert.equal(judge(bytes, listing()).outcome.outcome, 'malformed');
    }
  });
});

describe("the list of makers' certificates", () => {
  const known = [...KNOWN_CERTIFICATES.bySha256.values()];

  it('names each once, with where it was seen; a root with where its maker publishes it', () => {
    const list = JSON.parse(
      readFileSync(new URL('../tpm-makers/roots.json', import.meta.url), 'utf8'),
    ) as { roots: { sha256: string }[] };
    const links = known.filter(({ kind }) => kind === 'intermediate');
    assert.equal(known.length, list.roots.length + links.length);
    assert.ok(links.length > 100);
    for (const { sha256: fingerprint, source, url, maker } of known) {
      assert.match(source, /https:/u, fingerprint);
      assert.ok(url !== null || maker === 'VeriSign', fingerprint);
    }
  });
});

describeCorpus("what the list says of makers' certificates", () => {
  it('has every fingerprint, kind and subject as the certificates themselves have them', () => {
    const certificates = allIn(corpusPath('ekca'));
    const subjects = new Map(certificates.map((one) => [sha256(one.der), one.subject] as const));
    const listed = [...subjectsListed()];
    assert.ok(listed.length > 200);
    for (const [fingerprint, subject] of listed) {
      assert.equal(subjects.get(fingerprint), subject, fingerprint);
    }
    assert.equal(new Set(subjects.keys()).size, listed.length, 'one is not on the list');
    for (const { der, selfSigned } of certificates) {
      const one = KNOWN_CERTIFICATES.bySha256.get(sha256(der));
      if (selfSigned) assert.equal(one?.kind, 'root', sha256(der));
    }
  });
});

function* subjectsListed(): Generator<readonly [string, string]> {
  for (const [file, key] of [
    ['roots.json', 'roots'],
    ['intermediates.json', 'intermediates'],
  ] as const) {
    const text = readFileSync(new URL(`../tpm-makers/${file}`, import.meta.url), 'utf8');
    const list = JSON.parse(text) as Record<typeof key, { sha256: string; subject: string }[]>;
    for (const { sha256: fingerprint, subject } of list[key]) yield [fingerprint, subject];
  }
}

const allIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.yaml'))
    .flatMap((entry) => certificatesOfFile(readFileSync(join(entry.parentPath, entry.name))))
    .map((der) => parseIssuerCertificate(der));
