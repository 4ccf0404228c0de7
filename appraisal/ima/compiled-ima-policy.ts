import type { FindingEffect, ImaKeyring, ImaPolicy } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { BaselineError } from '../baseline/baseline-error.ts';
import { frozen } from '../frozen.ts';
import { ImaLineError } from './ima-file-lines.ts';
import { ImaFileTable } from './ima-file-table.ts';
import { certificateDigest, derOfPem, type ImaKey, imaKeyOf } from './ima-keys.ts';
import type { ImaDocument } from './ima-segment.ts';
import { compilePathGlob, type PathGlob } from './path-glob.ts';

export type CompiledKeyring = {
  readonly learn: ImaKeyring['learn'];
  /** SHA-256 of certificates that may be loaded, lower-case hex. */
  readonly allowed: ReadonlySet<string>;
};

/** A policy in the form in which lists are held against it: made once, for all hosts that it is for. */
export type CompiledImaPolicy = {
  /** SHA-256 of the policy, lower-case hex. */
  readonly digest: string;
  readonly files: ImaFileTable;
  readonly exclude: readonly PathGlob[];
  /** By keyId. */
  readonly keys: ReadonlyMap<string, readonly ImaKey[]>;
  /** By name; of two of one name both count. */
  readonly keyrings: ReadonlyMap<string, readonly CompiledKeyring[]>;
  readonly mode: FindingEffect;
  readonly unlisted: FindingEffect;
  readonly violations: FindingEffect;
  readonly bootAggregate: FindingEffect;
};

/** By document: those of a baseline come with every evidence, and are the same ones. */
const compiled = new WeakMap<ImaPolicy, CompiledImaPolicy>();

/**
 * The policy, compiled; frozen, for it is to stay what it was compiled from.
 *
 * @throws BaselineError for what checkImaPolicy refuses.
 */
export function compileImaPolicy(policy: ImaPolicy): CompiledImaPolicy {
  const before = compiled.get(policy);
  if (before !== undefined) return before;
  const made = compile(frozen(policy), '/ima');
  compiled.set(policy, made);
  return made;
}

/**
 * Whether a policy of the right shape can mean something: its lines are lines, its certificates have keys, and
 * there is something that it allows.
 *
 * @throws BaselineError with `field` below `at`.
 */
export function checkImaPolicy(policy: ImaPolicy, at = '/ima'): void {
  if (!compiled.has(policy)) compile(policy, at);
}

/** SHA-256, lower-case hex, of all that a list is held against. */
export function imaPolicyDigestOf(policies: readonly ImaDocument[]): string {
  const parts = policies.map(({ document, policy }) => [document, compileImaPolicy(policy).digest]);
  return hashHex('sha256', Buffer.from(JSON.stringify(parts)));
}

function compile(policy: ImaPolicy, at: string): CompiledImaPolicy {
  const { mode, files = [], exclude = [], keyrings = [] } = policy;
  if (files.length === 0 && keyrings.length === 0 && mode === 'enforce') {
    const reason = 'neither files nor keys: nothing could ever be good';
    throw new BaselineError('BASELINE_IMA_EMPTY', reason, { field: at });
  }
  const keys = keyrings.flatMap((keyring, index) => keysOf(keyring, `${at}/keyrings/${index}`));
  return {
    digest: hashHex('sha256', Buffer.from(JSON.stringify(policy))),
    files: tableOf(files, at),
    exclude: exclude.map(compilePathGlob),
    keys: Map.groupBy(
      keys.map(({ key }) => key),
      ({ keyId }) => keyId,
    ),
    keyrings: new Map(
      [...Map.groupBy(keyrings, ({ name }) => name)].map(([name, some]) => [
        name,
        some.map((keyring) => ({
          learn: keyring.learn,
          allowed: new Set([
            ...(keyring.allow ?? []),
            ...keysOf(keyring, at).map(({ der }) => certificateDigest(der)),
          ]),
        })),
      ]),
    ),
    mode,
    unlisted: policy.unlisted ?? mode,
    violations: policy.violations ?? mode,
    bootAggregate: policy.bootAggregate ?? 'warn',
  };
}

function tableOf(files: NonNullable<ImaPolicy['files']>, at: string): ImaFileTable {
  let set = 0;
  try {
    return new ImaFileTable(files, (index) => (set = index));
  } catch (cause) {
    if (!(cause instanceof ImaLineError)) throw cause;
    const field = `${at}/files/${set}/digests`;
    const reason = `line ${cause.line} of it: ${cause.message}`;
    throw new BaselineError('BASELINE_IMA_LINE', reason, { field, cause });
  }
}

function keysOf(
  { certificates = [] }: ImaKeyring,
  at: string,
): { readonly der: Uint8Array; readonly key: ImaKey }[] {
  return certificates.map((pem, index) => {
    const field = `${at}/certificates/${index}`;
    const der = derOf(pem, field);
    const key = imaKeyOf(der);
    if (key !== undefined) return { der, key };
    const reason = 'no certificate of an RSA or EC key with a subjectKeyIdentifier';
    throw new BaselineError('BASELINE_IMA_KEY', reason, { field });
  });
}

function derOf(pem: string, field: string): Uint8Array {
  try {
    return derOfPem(pem);
  } catch (cause) {
    throw new BaselineError('BASELINE_IMA_KEY', 'no certificate', { field, cause });
  }
}
