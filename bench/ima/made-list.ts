import { hash } from 'node:crypto';
import type { ImaPolicy } from '@touchstone/schemas';
import type { PcrValues } from '@touchstone/tpm';

/** A list as a kernel writes it, what its TPM quotes of it, and a policy that allows it. */
export type MadeList = {
  readonly list: Buffer;
  /** What each entry's template digest is of: views on the list. */
  readonly datas: readonly Uint8Array[];
  readonly pcrs: PcrValues;
  readonly policy: ImaPolicy;
};

const TEMPLATE = Buffer.from('ima-ng');
const ALGORITHM = Buffer.from('sha256:\0');
const STATIC = Array.from({ length: 10 }, (_, pcr) => hash('sha256', `PCR ${pcr}`, 'buffer'));

/**
 * `entries` of the template ima-ng, of `files` files with names such as Debian's libraries have; after the last
 * of them the first comes again. The policy lists each.
 */
export function madeList(entries: number, files = entries): MadeList {
  const digests: string[] = [];
  const parts: Buffer[] = [];
  const pcr10 = Buffer.alloc(64);
  for (let at = 0; at < entries; at += 1) {
    const path = at === 0 ? 'boot_aggregate' : pathOf(at % files);
    const digest =
      at === 0 ? hash('sha256', Buffer.concat(STATIC), 'buffer') : hash('sha256', path, 'buffer');
    if (at > 0 && at < files) digests.push(`${digest.toString('hex')}  ${path}\n`);
    // Said otherwise than before, that the kernel lists it anew; entries alike are as dear as others.
    const data = dataOf(digest, path);
    hash('sha256', data, 'buffer').copy(pcr10, 32);
    hash('sha256', pcr10, 'buffer').copy(pcr10);
    parts.push(u32(10), hash('sha1', data, 'buffer'), u32(TEMPLATE.length), TEMPLATE);
    parts.push(u32(data.length), data);
  }
  const list = Buffer.concat(parts);
  const values = [
    ...STATIC.map((value, pcr) => [pcr, value] as const),
    [10, pcr10.subarray(0, 32)] as const,
  ];
  return {
    list,
    datas: parts.filter((_, part) => part % 6 === 5),
    pcrs: new Map([['sha256', new Map(values)]]),
    policy: { mode: 'enforce', files: [{ digests: digests.join('') }] },
  };
}

const pathOf = (file: number): string =>
  `/usr/lib/x86_64-linux-gnu/package-${file % 997}/module-${file}.so`;

function dataOf(digest: Buffer, path: string): Buffer {
  const name = Buffer.from(`${path}\0`);
  return Buffer.concat([u32(ALGORITHM.length + 32), ALGORITHM, digest, u32(name.length), name]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
