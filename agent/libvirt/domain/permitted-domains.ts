import { join } from 'node:path';
import { Type } from 'typebox';
import { closed, LineOfText, oneOf, Sha256Hex, Uuid } from '@touchstone/schemas';
import { agentError } from '../../codes.ts';
import type { ReadFile } from '../../gate/definition.ts';
import { Kept } from '../../state/kept.ts';
import type { Permitted } from './started.ts';

const MAX_KEPT = 1_024;
/** As it is written, at each start. */
const MAX_BYTES = 1_000_000;
/** More do not fit. */
const MAX_FILES = 8_192;

/** As stat(2) has it, in decimals. */
const Count = Type.String({ pattern: '^-?[0-9]{1,20}$', maxLength: 21 });

const KeptFile = closed({
  /** No longer than a path is that the kernel opens. */
  path: Type.String({ maxLength: 4_096 }),
  ...{ dev: Count, ino: Count, size: Count, mtimeNs: Count },
  use: oneOf('program', 'open', 'written', 'loaded'),
});

const KeptDomain = closed({
  vm: Uuid,
  name: LineOfText(256),
  requestId: Uuid,
  permitted: Type.Union([
    Type.Null(),
    closed({
      operation: oneOf('start', 'restore', 'migrate'),
      shape: Sha256Hex,
      files: Type.Array(KeptFile, { maxItems: MAX_FILES }),
    }),
  ]),
});
type KeptDomain = Type.Static<typeof KeptDomain>;

const KeptDomains = closed({
  schema: Type.Literal('touchstone/agent-permitted-domains/1'),
  /** What was permitted in another is not started any more. */
  boot: Uuid,
  domains: Type.Array(KeptDomain, { maxItems: MAX_KEPT }),
});

/** `permitted`: null where it could not be told what the VM is, and that is not compared: starts that are observed. */
export type PermittedDomain = {
  readonly vm: string;
  readonly name: string;
  readonly requestId: string;
  readonly permitted: Permitted | null;
};

/** `heardSince`: the agent was not restarted since, and would have heard what became of it. */
export type TakenDomain = PermittedDomain & { readonly heardSince: boolean };

/**
 * What the VMs that were permitted are to be, until they were started and looked at, also by the agent that is started
 * in between. One for each VM: it is asked about anew before it is started again.
 */
export class PermittedDomains {
  readonly #kept: Kept<typeof KeptDomains>;
  /** Those that this process was asked about: it hears what becomes of them. */
  readonly #here = new Set<string>();

  private constructor(kept: Kept<typeof KeptDomains>) {
    this.#kept = kept;
  }

  /** `boot`: the kernel's name for this one. @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
  static async open(stateDir: string, boot: string): Promise<PermittedDomains> {
    const none = { schema: 'touchstone/agent-permitted-domains/1' as const, boot, domains: [] };
    const kept = await Kept.open(join(stateDir, 'permitted-domains.json'), KeptDomains, none);
    if (kept.value.boot !== boot) await kept.change(none);
    return new PermittedDomains(kept);
  }

  /**
   * Before the permit has an effect. Rejects where it could not be written: then it must have none. Where there is no
   * room for all, it is forgotten what the oldest are to be, and whatever starts as one of them is another.
   * @throws AppError DEFINITION_UNCOVERED: there is none for this one even then
   */
  async keep(domain: PermittedDomain): Promise<void> {
    const domains = [...this.#others(domain.vm), toKept(domain)].slice(-MAX_KEPT);
    const whole = () => ({ ...this.#kept.value, domains });
    const last = domains.length - 1;
    for (const [at, older] of domains.entries()) {
      // What was forgotten before gives no room, and all of it is measured each time.
      if (at < last && isForgotten(older)) continue;
      if (lengthOf(whole()) <= MAX_BYTES) break;
      if (at === last)
        throw agentError('DEFINITION_UNCOVERED', { status: 422, detail: 'too many files' });
      domains[at] = forgotten(older);
    }
    await this.#kept.change(whole());
    this.#here.add(domain.requestId);
    const known = new Set(this.#kept.value.domains.map(({ requestId }) => requestId));
    for (const requestId of this.#here) if (!known.has(requestId)) this.#here.delete(requestId);
  }

  /** Once for each start. Null of a VM that was permitted nothing here since. */
  take(vm: string): TakenDomain | null {
    return this.#take((kept) => kept.vm === vm);
  }

  /** The same by libvirt's name for it, where its XML says no UUID. */
  takeNamed(name: string): TakenDomain | null {
    return this.#take((kept) => kept.name === name);
  }

  #take(isIt: (kept: KeptDomain) => boolean): TakenDomain | null {
    const found = this.#kept.value.domains.find(isIt);
    if (found === undefined) return null;
    // What stays in the file gives way to what the VM is permitted next, before which it is not started.
    const domains = this.#others(found.vm);
    this.#kept.change({ ...this.#kept.value, domains }).catch(() => undefined);
    return { ...fromKept(found), heardSince: this.#here.delete(found.requestId) };
  }

  #others(vm: string): KeptDomain[] {
    return this.#kept.value.domains.filter((kept) => kept.vm !== vm);
  }
}

/** What no domain is: its shape is no digest of any. Started so, it is refused, and not taken for what was permitted. */
const forgotten = ({ permitted, ...known }: KeptDomain): KeptDomain => ({
  ...known,
  permitted: permitted && { operation: permitted.operation, shape: NO_SHAPE, files: [] },
});
const NO_SHAPE = '0'.repeat(64);
const isForgotten = ({ permitted }: KeptDomain): boolean =>
  permitted === null || permitted.shape === NO_SHAPE;

const lengthOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value, null, 2));

function toKept({ vm, name, requestId, permitted }: PermittedDomain): KeptDomain {
  const known = { vm, name, requestId };
  if (permitted === null) return { ...known, permitted };
  const { operation, definition } = permitted;
  const files = definition.files.map(({ path, dev, ino, size, mtimeNs, use }) => ({
    ...{ path, dev: String(dev), ino: String(ino), size: String(size) },
    ...{ mtimeNs: String(mtimeNs), use },
  }));
  return { ...known, permitted: { operation, shape: definition.shape, files } };
}

function fromKept({ permitted, ...known }: KeptDomain): PermittedDomain {
  if (permitted === null) return { ...known, permitted };
  const { operation, shape } = permitted;
  const files = permitted.files.map(({ dev, ino, size, mtimeNs, ...file }): ReadFile => ({
    ...file,
    ...{ dev: BigInt(dev), ino: BigInt(ino), size: BigInt(size), mtimeNs: BigInt(mtimeNs) },
  }));
  return { ...known, permitted: { operation, definition: { shape, files } } };
}
