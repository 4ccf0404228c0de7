import type {
  AllowedMeasurement,
  AssuranceClass,
  Baseline,
  BaselineRule,
  Labels,
} from '@touchstone/schemas';
import { hash, type StrongHash } from '@touchstone/tpm';
import type { BootImage, Digests, ImageRole } from './boot-image.ts';
import { type KernelTraits, kernelReleaseOf } from './kernel-config.ts';

/** Boot images that came together: those of a package, or one file. */
export type ImageOrigin = {
  /** The package's or the file's name. */
  readonly from: string;
  readonly version: string | undefined;
  readonly images: readonly BootImage[];
  readonly traits: ReadonlyMap<string, KernelTraits>;
};

export type DraftOptions = {
  readonly name: string;
  readonly version: number;
  readonly labels: Labels;
  readonly classes: readonly AssuranceClass[];
  readonly banks: readonly StrongHash[];
  /** How often a kernel is measured in one boot; by what else there is where it is not stated. */
  readonly kernelTimes: number | undefined;
};

const APPLICATION = 'EV_EFI_BOOT_SERVICES_APPLICATION';
const BOOT_LOADER_PCR = 4;
/** Where systemd-stub measures the sections of a unified kernel: UAPI group, TPM PCR registry. */
const UNIFIED_KERNEL_PCR = 11;

/** In the order of the chain, which is that of reading. */
const CHAIN: readonly ImageRole[] = [
  ...(['shim', 'mok-manager', 'fallback', 'grub', 'systemd-boot', 'uki', 'kernel'] as const),
];
/** What may run in a boot and need not. */
const OPTIONAL: ReadonlySet<ImageRole> = new Set<ImageRole>(['mok-manager', 'fallback', 'other']);

/**
 * A boot chain that consists of these images: the firmware's own two events of PCR 4, then one image of
 * each role. Of images of one role any will do.
 */
export function draftBootChain(origins: readonly ImageOrigin[], options: DraftOptions): Baseline {
  const { name, version, labels, classes, banks } = options;
  return {
    kind: 'baseline',
    part: 'bootChain',
    name,
    version,
    match: { labels: { ...labels }, class: [...classes] },
    banks: [...banks],
    rules: [
      firmwareRule(banks, 'boot-option', 'EV_EFI_ACTION', CALLING),
      firmwareRule(banks, 'separator', 'EV_SEPARATOR', new Uint8Array(4)),
      ...imageRules(origins, options),
      ...unifiedKernelRules(origins),
    ],
  };
}

/** TCG PC Client PFP, 10.4.4. */
const CALLING = Buffer.from('Calling EFI Application from Boot Option', 'latin1');

function firmwareRule(
  banks: readonly StrongHash[],
  id: string,
  type: string,
  data: Uint8Array,
): BaselineRule {
  const digests = Object.fromEntries(
    banks.map((bank) => [bank, Buffer.from(hash(bank, data)).toString('hex')]),
  );
  const name = type === 'EV_SEPARATOR' ? 'end of firmware' : Buffer.from(data).toString('latin1');
  return { id, mode: 'enforce', pcr: BOOT_LOADER_PCR, type, allow: [{ ...digests, name }] };
}

function imageRules(
  origins: readonly ImageOrigin[],
  { kernelTimes }: DraftOptions,
): BaselineRule[] {
  const rules = new Map<string, { role: ImageRole; allow: AllowedMeasurement[] }>();
  const seen = new Set<string>();
  for (const origin of origins) {
    for (const image of origin.images) {
      const id = image.role === 'other' ? idOf(fileName(image.path)) : image.role;
      const rule = rules.get(id) ?? { role: image.role, allow: [] };
      rules.set(id, rule);
      for (const allowed of measurementsOf(origin, image)) addOnce(rule.allow, allowed, seen);
    }
  }
  const has = (role: ImageRole) => [...rules.values()].some((rule) => rule.role === role);
  const throughShim = has('shim') && has('grub');
  const times = kernelTimes ?? (throughShim ? 2 : 1);
  return [...rules]
    .filter(([, { allow }]) => allow.length > 0)
    .toSorted(([, a], [, b]) => placeOf(a.role) - placeOf(b.role))
    .map(([id, { role, allow }]) => ({
      ...{ id, mode: 'enforce', pcr: BOOT_LOADER_PCR, type: APPLICATION },
      ...(role === 'kernel' && times > 1 ? { times } : {}),
      ...(OPTIONAL.has(role) ? { optional: true } : {}),
      ...(role === 'kernel' && times === 2 && throughShim ? { why: TWICE } : {}),
      allow,
    }));
}

const TWICE =
  'GRUB has shim check the kernel twice with Secure Boot on, and shim measures what it checks';

const placeOf = (role: ImageRole): number =>
  CHAIN.includes(role) ? CHAIN.indexOf(role) : CHAIN.length;

/** An image as it is, and as it will be measured once its owner has signed it. */
function measurementsOf(
  { from, version, traits }: ImageOrigin,
  { path, role, digests, onceSigned, unified }: BootImage,
): AllowedMeasurement[] {
  const name = fileName(path);
  const known = role === 'kernel' ? traits.get(kernelReleaseOf(path) ?? '') : undefined;
  const said = unified?.release ?? version;
  const origin = {
    ...(said === undefined ? {} : { version: said }),
    from,
    ...(known?.lockdown === true ? { lockdown: true as const } : {}),
    ...(known?.kexecAbsent === true ? { kexec: 'absent' as const } : {}),
  };
  return [
    { ...digests, name, ...origin },
    ...(onceSigned === undefined
      ? []
      : [{ ...onceSigned, name: `${name}, signed by its owner`, ...origin }]),
  ];
}

/**
 * PCR 11 says over again what PCR 4 says of a unified kernel as a whole, so that these rules explain it and
 * enforce nothing. The kernel inside is an image of its own for firmware that is asked to load it.
 */
function unifiedKernelRules(origins: readonly ImageOrigin[]): BaselineRule[] {
  const seen = new Set<string>();
  const sections = new Map<
    string,
    { names: AllowedMeasurement[]; contents: AllowedMeasurement[] }
  >();
  const inside: AllowedMeasurement[] = [];
  for (const { from, version, images } of origins) {
    for (const { path, unified } of images) {
      const said = unified?.release ?? version;
      const origin = { ...(said === undefined ? {} : { version: said }), from };
      for (const { section, name, content } of unified?.sections ?? []) {
        const lists = sections.get(section) ?? { names: [], contents: [] };
        sections.set(section, lists);
        addOnce(lists.names, { ...name, name: `name of ${section}` }, seen);
        const label = `${section} of ${fileName(path)}`;
        addOnce(lists.contents, { ...content, name: label, ...origin }, seen);
      }
      if (unified?.kernel !== undefined) {
        const name = `kernel in ${fileName(path)}`;
        addOnce(inside, { ...unified.kernel, name, ...origin }, seen);
      }
    }
  }
  const explains = (id: string, allow: AllowedMeasurement[]): BaselineRule[] =>
    allow.length === 0
      ? []
      : [{ id, mode: 'observe', pcr: UNIFIED_KERNEL_PCR, type: 'EV_IPL', optional: true, allow }];
  const kernel: BaselineRule[] =
    inside.length === 0
      ? []
      : [
          {
            ...{ id: 'uki-kernel', mode: 'enforce', pcr: BOOT_LOADER_PCR, type: APPLICATION },
            ...{ optional: true, allow: inside },
          },
        ];
  return [
    ...kernel,
    ...[...sections].flatMap(([section, { names, contents }]) => [
      ...explains(idOf(`uki${section}-name`), names),
      ...explains(idOf(`uki${section}`), contents),
    ]),
  ];
}

/** No document allows a digest twice; the first that had it is named. */
function addOnce(
  allow: AllowedMeasurement[],
  allowed: AllowedMeasurement & Digests,
  seen: Set<string>,
): void {
  const key = `${allowed.sha256} ${allowed.sha384} ${allowed.sha512}`;
  if (seen.has(key)) return;
  seen.add(key);
  allow.push(allowed);
}

/** As it is called once it is installed. */
const fileName = (path: string): string => path.replace(/^.*\//su, '').replace(/\.signed$/u, '');

/** A rule's id out of a file's name. */
const idOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/gu, '-')
    .replace(/^[^a-z0-9]+/u, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/u, '') || 'image';
