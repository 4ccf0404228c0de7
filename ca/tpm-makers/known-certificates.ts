import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import {
  AssuranceClass,
  checkAgainst,
  closed,
  EkAlgorithm,
  HttpsUrl,
  LineOfText,
  mapOf,
  parseStrictJson,
  Sha256Hex,
  Uint32,
} from '@touchstone/schemas';

const Text = LineOfText(512);
const SourceName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', maxLength: 32 });
const Sources = Type.Array(SourceName, { minItems: 1, maxItems: 8 });

const Root = closed({
  maker: LineOfText(16),
  subject: Text,
  sha256: Sha256Hex,
  /** Null where it vouches for TPMs of more than one class: then somebody has to say of which. */
  class: Type.Union([AssuranceClass, Type.Null()]),
  ekAlgorithm: EkAlgorithm,
  published: Type.Union([HttpsUrl, Type.Null()]),
  sources: Sources,
  note: Type.Optional(Text),
});

const MakersList = closed({
  schema: Type.Literal('touchstone/tpm-makers/1'),
  version: Uint32,
  date: LineOfText(10),
  terms: Text,
  /** Where many of the certificates can be had at once. */
  collections: Type.Array(closed({ name: LineOfText(128), url: HttpsUrl }), { minItems: 1 }),
  sources: mapOf(
    '^[a-z][a-z0-9-]{0,31}$',
    closed({ repository: HttpsUrl, commit: LineOfText(40), licence: LineOfText(64) }),
    16,
  ),
  makers: mapOf(
    '^[A-Z]{2,16}$',
    closed({ name: LineOfText(64), page: Type.Union([HttpsUrl, Type.Null()]) }),
    64,
  ),
  roots: Type.Array(Root, { maxItems: 1_000 }),
});

const IntermediatesList = closed({
  schema: Type.Literal('touchstone/tpm-makers-intermediates/1'),
  intermediates: Type.Array(
    closed({ maker: LineOfText(16), subject: Text, sha256: Sha256Hex, sources: Sources }),
    { maxItems: 4_000 },
  ),
});

/** What is known of a certificate that this CA has never seen: facts, without the certificate. */
export type KnownCertificate = {
  /** Hex. */
  readonly sha256: string;
  readonly maker: string;
  readonly source: string;
  readonly url: string | null;
} & (
  | {
      readonly kind: 'root';
      readonly class: AssuranceClass | null;
      readonly ekAlgorithm: EkAlgorithm;
      readonly note: string | undefined;
    }
  | { readonly kind: 'intermediate' }
);

export type KnownCertificates = {
  readonly version: number;
  readonly date: string;
  readonly terms: string;
  readonly collections: Static<typeof MakersList>['collections'];
  readonly bySha256: ReadonlyMap<string, KnownCertificate>;
};

/** The list that this version came with. */
export const KNOWN_CERTIFICATES: KnownCertificates = readKnown();

function readKnown(): KnownCertificates {
  const list = checkAgainst(MakersList, readJson('roots.json'));
  const { intermediates } = checkAgainst(IntermediatesList, readJson('intermediates.json'));
  const { version, date, terms, collections, makers, sources } = list;
  const nameOf = (maker: string) => makers[maker]?.name ?? maker;
  const sourceOf = (names: readonly string[]) =>
    `list ${version} of ${date}: ${names.map((name) => sources[name]?.repository ?? name).join(', ')}`;
  const known: KnownCertificate[] = [
    ...list.roots.map(
      ({ published, note, sha256, class: assuranceClass, ekAlgorithm, ...root }) => ({
        ...{ kind: 'root' as const, sha256, class: assuranceClass, ekAlgorithm, note },
        ...{ maker: nameOf(root.maker), source: sourceOf(root.sources) },
        url: published ?? makers[root.maker]?.page ?? null,
      }),
    ),
    ...intermediates.map(({ sha256, maker, sources: names }) => ({
      ...{ kind: 'intermediate' as const, sha256, maker: nameOf(maker), source: sourceOf(names) },
      url: makers[maker]?.page ?? null,
    })),
  ];
  const bySha256 = new Map(known.map((one) => [one.sha256, one]));
  return { version, date, terms, collections, bySha256 };
}

function readJson(name: string): unknown {
  return parseStrictJson(readFileSync(new URL(name, import.meta.url)));
}
