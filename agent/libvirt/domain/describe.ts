import { createHash } from 'node:crypto';
import { checkAgainst, type Finding, type StartPlan, Uuid } from '@touchstone/schemas';
import { ParseError } from '@touchstone/tpm';
import { agentError } from '../../codes.ts';
import type { Definition, ReadFile } from '../../gate/definition.ts';
import type { FileReader } from '../../images/file-reader.ts';
import { readCovered, readImageChain } from '../../images/image-chain.ts';
import { canonicalOf, shapeOf } from './canonical.ts';
import { DOMAIN_CODES } from './codes.ts';
import { readDisks, requireStatedChain } from './disks.ts';
import { requireEmulator } from './emulator.ts';
import { namedFiles } from './named-files.ts';
import { requireCovered } from './uncovered.ts';
import { requireVariables } from './variables.ts';
import { elementOf, parseXml, textOf, type XmlElement } from './xml.ts';

/** A domain as libvirt's hook is given it. The VM is the domain's uuid. */
export type Domain = { readonly vm: string; readonly name: string; readonly root: XmlElement };

/** `shape`: what the domain must still be once it was started. `warnings` refuse nothing. */
export type DomainDefinition = Definition & {
  readonly shape: string;
  readonly warnings: readonly Finding[];
};

/** `StartRequest` in the schemas bounds them. */
const MAX_IMAGES = 64;

type Covered = { readonly where: string; readonly path: string; readonly sha256: string };

/** @throws AppError DEFINITION_UNREADABLE */
export function readDomain(xml: string): Domain {
  return asDefinition(() => {
    const root = parseXml(xml);
    const name = elementOf(root, 'name');
    const uuid = elementOf(root, 'uuid');
    if (name === null || uuid === null) throw new ParseError('DOMAIN_NAMELESS', 'domain', 0);
    return { vm: checkAgainst(Uuid, textOf(uuid)), name: textOf(name), root };
  });
}

/**
 * What a domain is made of: its XML in one form, and the content of every file that it runs on, but for the disks
 * that the plan calls data or sealed: those count by what the XML says of them. What cannot be read, or covered, is
 * not started.
 * @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED, SEALED_DISK_PLAIN
 */
export async function describeDomain(
  { vm, root }: Domain,
  plan: StartPlan,
  reader: FileReader,
): Promise<DomainDefinition> {
  const { named, disks, domain, shape } = asDefinition(() => {
    requireCovered(root);
    const devices = elementOf(root, 'devices') ?? root;
    return {
      named: namedFiles(root),
      disks: readDisks(devices, plan),
      domain: canonicalOf(root, 'definition'),
      shape: shapeOf(root),
    };
  });
  await requireVariables(root);
  const covered: Covered[] = [];
  const files: ReadFile[] = [];
  const images = new Set<string>();
  for (const { where, path, use, image } of named) {
    const { head, ...read } = await readCovered(reader, path);
    if (use === 'program') await requireEmulator(path, head);
    covered.push({ where, path, sha256: read.sha256 });
    files.push({ ...read, path, use });
    if (image) images.add(read.sha256);
  }
  for (const disk of disks.golden) {
    const chain = await readImageChain(reader, disk.path, disk.format);
    requireStatedChain(disk, chain);
    for (const { as, format, ...read } of chain) {
      const { path, sha256 } = read;
      covered.push({ where: `disk ${disk.name}, ${as}, ${format}`, path, sha256 });
      files.push({ ...read, use: as !== 'backing' && disk.writable ? 'written' : 'open' });
      images.add(sha256);
    }
  }
  if (images.size > MAX_IMAGES) {
    const detail = `${images.size} images; ${MAX_IMAGES} at most`;
    throw agentError('DEFINITION_UNCOVERED', { status: 422, detail });
  }
  const unread = disks.unread.map(({ name, kind }) => ({ name, kind }));
  const description = { schema: 'touchstone/domain/1', vm, domain, files: covered, unread };
  return {
    digest: createHash('sha256').update(JSON.stringify(description)).digest('hex'),
    imageDigests: [...images],
    dataDisks: unread.map(({ name }) => name),
    sealedDisks: disks.sealed,
    files,
    shape,
    warnings: [
      ...named.filter(({ use }) => use === 'written').map((one) => written(one.where, one.path)),
      ...disks.golden
        .filter(({ writable }) => writable)
        .map(({ name, path }) => written(`disk ${name}`, path)),
    ],
  };
}

function written(where: string, path: string): Finding {
  const { title, remedy, actor } = DOMAIN_CODES.GOLDEN_DISK_WRITABLE;
  const subject = `${where}: ${title}`;
  return {
    code: 'GOLDEN_DISK_WRITABLE',
    effect: 'warn',
    subject,
    actual: path.slice(0, 1_024),
    remedy,
    actor,
  };
}

/** What is no domain, in the words of a definition that cannot be told. */
function asDefinition<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ParseError || (cause instanceof Error && cause.name === 'SchemaError')) {
      const detail = `domain: ${cause.message}`;
      throw agentError('DEFINITION_UNREADABLE', { status: 422, detail, cause });
    }
    throw cause;
  }
}
