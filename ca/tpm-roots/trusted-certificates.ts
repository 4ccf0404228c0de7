import type pg from 'pg';
import { listRoots, rootsVersion } from '../store/index.ts';
import type { ConfiguredRoot, TrustedCertificates } from '../validation/index.ts';

/** Whom the CA goes by now. */
export type TpmRoots = {
  /** Those of its configuration, by whoever holds its machine. */
  readonly configured: readonly ConfiguredRoot[];
  current(): Promise<TrustedCertificates>;
};

/** The configured roots with those of the database, which are read again whenever their version has changed. */
export function tpmRootsOf(pool: pg.Pool, configured: readonly ConfiguredRoot[]): TpmRoots {
  let held: { readonly version: number; readonly trusted: TrustedCertificates } | undefined;
  return {
    configured,
    async current() {
      // Read first: what is loaded after it is at least as new.
      const version = await rootsVersion(pool);
      if (held?.version === version) return held.trusted;
      const trusted = await load(pool, configured);
      held = { version, trusted };
      return trusted;
    },
  };
}

/** Of a certificate that is in both, the configuration's word counts. */
async function load(
  pool: pg.Pool,
  configured: readonly ConfiguredRoot[],
): Promise<TrustedCertificates> {
  const stored = await listRoots(pool);
  const named = new Set(configured.map(({ der }) => keyOf(der)));
  const roots = stored.flatMap((root) =>
    root.kind === 'root' && !named.has(keyOf(root.certificate))
      ? [
          {
            ...{ der: root.certificate, class: root.class, inBundle: true },
            ekAlgorithm: root.ekAlgorithm,
          },
        ]
      : [],
  );
  const intermediates = stored
    .filter(({ kind }) => kind === 'intermediate')
    .map(({ certificate }) => certificate);
  return { roots: [...configured, ...roots], intermediates };
}

const keyOf = (der: Uint8Array): string => Buffer.from(der).toString('latin1');
