import type {
  DomainEvent,
  DomainEventAnswer,
  DomainStart,
  Operation,
  StartAnswer,
} from '@touchstone/schemas';
import type { Logger } from 'pino';
import { agentError, codeOf, refusalFinding } from '../codes.ts';
import type { Decided, StartGate } from '../gate/starts.ts';
import { bootTime } from '../gate/boot-time.ts';
import type { FileReader } from '../images/file-reader.ts';
import { startOfDomain } from './domain/asked.ts';
import { type Domain, readDomain } from './domain/describe.ts';
import { checkStarted, startedFinding, type StartedFinding } from './domain/started.ts';
import { type PermittedDomain, PermittedDomains } from './domain/permitted-domains.ts';
import { overwriteKeys } from '../keys/waiting-keys.ts';
import { bootId } from '../watch/record.ts';
import type { FoundExposure } from '../watch/exposures.ts';
import { DifferingDomains } from './differing-domains.ts';
import { DiskSecrets } from './disk-secrets.ts';
import type { Libvirt } from './libvirt.ts';
import { requireEncryptedMigration } from './migration.ts';
import { refusalLine } from './refusal-line.ts';
import { openSavedFile } from './saved-file.ts';
import { SavedStates } from './saved-states.ts';
import { ToldOperations } from './told-operations.ts';

/** Who else hears of what comes through this door. Nothing of it is waited for longer than it takes to write it down. */
type DoorWatch = {
  permitted(start: {
    readonly vm: string;
    readonly name: string;
    readonly door: 'libvirt';
    readonly permit: string;
    readonly requestId: string;
  }): Promise<void>;
  refused(vm: string): Promise<void>;
  heard(verb: string, vm: string): Promise<void>;
  /** Whether this start is known still, and no look has found a process of it. */
  isUnseen(requestId: string): boolean;
  tell(who: string, exposures: readonly FoundExposure[]): void;
};

type LibvirtDoorParts = {
  readonly permitted: PermittedDomains;
  readonly gate: Pick<StartGate, 'decide' | 'became'>;
  readonly reader: FileReader;
  readonly secrets: DiskSecrets;
  readonly saved: SavedStates;
  readonly watch: DoorWatch;
  readonly log: Logger;
};

/** @throws AppError STATE_MALFORMED, STATE_UNREADABLE */
export async function openLibvirtDoor(
  options: Omit<LibvirtDoorParts, 'secrets' | 'saved' | 'permitted'> & {
    readonly stateDir: string;
    readonly libvirt: Libvirt;
  },
): Promise<LibvirtDoor> {
  const secrets = new DiskSecrets(options);
  await secrets.clear();
  const saved = await SavedStates.open(options.stateDir);
  const permitted = await PermittedDomains.open(options.stateDir, bootId());
  return new LibvirtDoor({ ...options, secrets, saved, permitted });
}

/** What libvirt's hook asks and tells: DESIGN section 4, Start a VM. */
export class LibvirtDoor {
  readonly #parts: LibvirtDoorParts;
  readonly #told = new ToldOperations(bootTime);
  readonly #differing = new DifferingDomains();

  constructor(parts: LibvirtDoorParts) {
    this.#parts = parts;
  }

  /** `prepare begin`. @throws AppError DEFINITION_UNREADABLE where it cannot be told which VM it is */
  async start({ name, domain: xml, libvirtd }: DomainStart): Promise<StartAnswer> {
    const { gate, reader, watch, log } = this.#parts;
    const domain = readDomain(xml);
    const { vm } = domain;
    const { operation, savedState } = await this.#comesBy(vm, libvirtd);
    const asked = startOfDomain(domain, reader, {
      operation,
      ...(operation === 'restore' ? { savedState } : {}),
    });
    const decided = await gate.decide({
      ...asked,
      describe: async (plan) => {
        if (operation === 'migrate') await requireEncryptedMigration(libvirtd);
        return asked.describe(plan);
      },
    });
    const definition = asked.described();
    const domainOf = { vm, name, permitted: definition && { definition, operation } };
    const answer = await this.#give(decided, domainOf);
    if (answer.decision === 'refused') {
      await watch.refused(vm);
      return answer;
    }
    for (const finding of definition?.warnings ?? [])
      log.warn({ requestId: answer.requestId, vm, finding }, finding.subject);
    return answer;
  }

  /**
   * Every other verb. Only at `started begin` is anything refused, and only what was seen. `isWaitedFor`: whether the hook
   * still waits for the answer; if not, whatever was started runs on.
   */
  async event(
    { name, verb, domain: xml }: DomainEvent,
    isWaitedFor: () => boolean,
  ): Promise<DomainEventAnswer> {
    const { secrets, saved, watch } = this.#parts;
    const domain = this.#readTold(verb, xml);
    if (domain === null) {
      const kept = this.#parts.permitted.takeNamed(name);
      const found = startedFinding('DOMAIN_DIFFERS', name);
      return this.#settle({ vm: kept?.vm ?? null, name }, found, { kept, waits: isWaitedFor() });
    }
    const { vm } = domain;
    this.#told.tell(vm, verb);
    if (verb === 'started begin') return this.#started(domain, isWaitedFor);
    // All at once: the hook may wait no longer, and the VM be started again before the first is done.
    await Promise.all([
      verb === 'stopped end' ? saved.stopped(vm) : null,
      ENDS.has(verb) ? secrets.take(vm) : null,
      verb === 'release end' ? this.#released(vm) : null,
      watch.heard(verb, vm),
    ]);
    return { outcome: 'noted' };
  }

  /** Null of what was started and cannot be read: so it was asked about as something else. @throws AppError DEFINITION_UNREADABLE */
  #readTold(verb: string, xml: string): Domain | null {
    try {
      return readDomain(xml);
    } catch (err) {
      if (verb !== 'started begin') throw err;
      this.#parts.log.warn({ err, verb }, 'what was started cannot be read, and is refused');
      return null;
    }
  }

  /** What was told, or is seen: a VM that libvirt has a saved file of open is restored, whatever was told. */
  async #comesBy(
    vm: string,
    libvirtd: number | undefined,
  ): Promise<{ readonly operation: Operation; readonly savedState: string | null }> {
    const { reader, saved, log } = this.#parts;
    const told = this.#told.take(vm);
    const file = libvirtd === undefined ? null : await openSavedFile(vm, libvirtd);
    const operation = file === null ? told : 'restore';
    if (file === null) return { operation, savedState: null };
    try {
      return { operation, savedState: await saved.recognise(vm, await reader.read(file)) };
    } catch (err) {
      log.warn({ err, vm }, 'what the VM is restored from could not be read');
      return { operation, savedState: null };
    }
  }

  /** Keys go to libvirt while it waits, and what was permitted to the disk. Without either, no start. */
  async #give(
    { answer, definition, keys }: Decided,
    domain: Omit<PermittedDomain, 'requestId'>,
  ): Promise<StartAnswer> {
    const { gate, permitted, secrets, watch, log } = this.#parts;
    const { vm, name } = domain;
    if (answer.decision === 'refused') {
      overwriteKeys(keys);
      return answer;
    }
    const { permitId: permit, requestId } = answer;
    const sealed = definition?.sealedDisks ?? [];
    try {
      if (sealed.length > 0 || keys.size > 0)
        await secrets.give(vm, sealed, keys).finally(() => overwriteKeys(keys));
      await watch.permitted({ vm, name, door: 'libvirt', permit, requestId });
      await permitted.keep({ ...domain, requestId });
      return answer;
    } catch (err) {
      log.warn({ requestId, vm, err }, 'what was permitted cannot be started');
      const findings = [refusalFinding(err, `VM ${vm}`)];
      const refusal = { requestId, vm, code: codeOf(err), findings };
      await gate.became('refused', refusal);
      return { decision: 'refused', ...refusal };
    }
  }

  /** Whether what runs is what the permit was for: DESIGN section 4; decision 55. */
  async #started(domain: Domain, isWaitedFor: () => boolean): Promise<DomainEventAnswer> {
    const { permitted, secrets, watch, log } = this.#parts;
    const { vm, name } = domain;
    const kept = permitted.take(vm);
    // QEMU has read them. No refusal waits for libvirt to let go of them, nor fails where nothing can be written.
    const taken = secrets.take(vm);
    await watch
      .heard('started begin', vm)
      .catch((err: unknown) => log.warn({ err, vm }, 'that it was started is not written down'));
    const found = kept === null ? null : await this.#differs(domain, kept);
    const answer = this.#settle({ vm, name }, found, { kept, waits: isWaitedFor() });
    if (found === null) await taken;
    return answer;
  }

  /** What was permitted and never came to `started begin` did not run, where this agent would have heard or seen it. */
  async #released(vm: string): Promise<void> {
    const { permitted, gate, watch } = this.#parts;
    const kept = permitted.take(vm);
    if (kept === null || !kept.heardSince || !watch.isUnseen(kept.requestId)) return;
    const error = agentError('VM_DID_NOT_RUN', { detail: kept.name });
    const findings = [refusalFinding(error, `VM ${vm}`)];
    await gate.became('failed', { ...kept, code: error.code, findings });
  }

  #differs(domain: Domain, kept: PermittedDomain): Promise<StartedFinding | null> {
    const { vm, requestId, permitted } = kept;
    if (permitted === null) return Promise.resolve(null);
    return checkStarted(domain, permitted).catch((err: unknown) => {
      this.#parts.log.warn({ err, requestId, vm }, 'what was started could not be looked at');
      return startedFinding('QEMU_UNSEEN', domain.name);
    });
  }

  /** `kept`: null of a VM that this agent knows no request of. What nobody waits for any more runs on. */
  #settle(
    { vm, name }: { readonly vm: string | null; readonly name: string },
    found: StartedFinding | null,
    { kept, waits }: { readonly kept: PermittedDomain | null; readonly waits: boolean },
  ): DomainEventAnswer {
    const { gate, watch, log } = this.#parts;
    const requestId = kept?.requestId ?? null;
    if (vm !== null) {
      this.#differing.note({ vm, name }, found && { found, ranOn: !waits, requestId });
      watch.tell('libvirt', this.#differing.exposures);
    }
    if (found === null) return { outcome: 'noted' };
    const { code } = found;
    const findings = [found];
    // What is told is in memory at once. The hook does not wait for the disk.
    if (kept !== null) void gate.became(waits ? 'refused' : 'differs', { ...kept, code, findings });
    else log.warn({ code, finding: found }, waits ? 'start refused' : 'not refused in time');
    return { outcome: 'refused', line: refusalLine(requestId ?? 'unknown', code, findings) };
  }
}

/** QEMU will read its secrets no more. */
const ENDS = new Set(['stopped end', 'release end']);
