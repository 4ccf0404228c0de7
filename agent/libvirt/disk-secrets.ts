import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import { type DiskName, Uuid } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import type { Logger } from 'pino';
import { agentError } from '../codes.ts';
import type { Definition } from '../gate/definition.ts';
import { readStateFile, writeStateFile } from '../state/state-file.ts';
import type { Libvirt } from './libvirt.ts';

/** In all, while libvirt waits for its hook: decision 56. */
const GIVE_MS = 2_000;
/** A start that comes to nothing tells nobody. */
const KEEP_MS = 30_000;

const Given = Type.Array(Uuid, { maxItems: 65_536 });

type DiskSecretsOptions = {
  readonly stateDir: string;
  readonly libvirt: Libvirt;
  readonly log: Logger;
  /** When it is time to look again; after 30 s unless stated. */
  readonly later?: (work: () => void) => void;
};

/**
 * Keys of sealed disks in libvirt: each in a secret that is ephemeral (in libvirtd's memory) and private (given back to
 * nobody), from `prepare begin` until QEMU has read it.
 */
export class DiskSecrets {
  readonly #path: string;
  readonly #libvirt: Libvirt;
  readonly #log: Logger;
  /** Secrets that may be in libvirt, by VM. */
  readonly #given = new Map<string, Set<string>>();
  /** Those that libvirt did not let go of: whatever it starts by them would open the disk. Tried again. */
  readonly #left = new Set<string>();
  readonly #later: (work: () => void) => void;
  #again = false;

  constructor({ stateDir, libvirt, log, later = afterKeeping }: DiskSecretsOptions) {
    this.#path = join(stateDir, 'disk-secrets.json');
    this.#libvirt = libvirt;
    this.#log = log;
    this.#later = later;
  }

  /** Takes away what an agent that was killed has left. */
  async clear(): Promise<void> {
    const left = (await readStateFile(this.#path, Given)) ?? [];
    await Promise.all(left.map((secret) => this.#unset(secret)));
    if (left.length > 0) await this.#note();
  }

  /** All of them, or none. @throws AppError DISK_SECRET_FAILED */
  async give(
    vm: string,
    sealedDisks: Definition['sealedDisks'],
    keys: ReadonlyMap<DiskName, Buffer>,
  ): Promise<void> {
    const secrets = sealedDisks.map(({ disk, secret }) => ({ disk, secret, key: keys.get(disk) }));
    const without = secrets.find(({ secret, key }) => secret === null || key === undefined);
    if (without !== undefined || secrets.length !== keys.size) {
      const detail = `disk ${without?.disk ?? ''}: no secret, or no key`;
      throw agentError('DISK_SECRET_FAILED', { detail });
    }
    const given = new Set(secrets.map(({ secret }) => secret ?? ''));
    for (const before of this.#given.get(vm) ?? []) if (!given.has(before)) this.#leave(before);
    this.#given.set(vm, given);
    for (const secret of given) this.#left.delete(secret);
    const timer = new AbortController();
    const late = sleep(GIVE_MS, undefined, { signal: timer.signal }).then(() => {
      throw agentError('DISK_SECRET_FAILED', { detail: `not done after ${GIVE_MS / 1_000} s` });
    });
    const all = this.#note().then(() =>
      Promise.all(
        secrets.map(async ({ secret, key }) => {
          await this.#libvirt.defineSecret(secret ?? '');
          await this.#libvirt.setSecret(secret ?? '', key ?? Buffer.of());
        }),
      ),
    );
    // Another start of this VM has secrets of its own.
    const forget = () => (this.#given.get(vm) === given ? this.take(vm) : undefined);
    try {
      await Promise.race([all, late]);
    } catch (cause) {
      // What is under way ends by its own bound, and is taken away then.
      void all.catch(() => {}).then(forget);
      const detail = cause instanceof Error ? cause.message : 'unknown';
      throw agentError('DISK_SECRET_FAILED', { detail, cause });
    } finally {
      timer.abort();
      late.catch(() => {});
    }
    this.#later(() => void forget());
  }

  /** QEMU has read them, or never will. Does not throw: they end with libvirtd. */
  async take(vm: string): Promise<void> {
    const given = this.#given.get(vm);
    if (given === undefined) return;
    this.#given.delete(vm);
    await Promise.all([...given].map((secret) => this.#unset(secret)));
    await this.#note().catch((err: unknown) => this.#log.warn({ err, vm }, 'not written down'));
  }

  async #unset(secret: string): Promise<void> {
    try {
      await this.#libvirt.unsetSecret(secret);
    } catch (err) {
      if (isGone(err)) return;
      this.#log.warn({ err, secret }, 'the secret of a disk could not be taken away yet');
      this.#leave(secret);
    }
  }

  #leave(secret: string): void {
    this.#left.add(secret);
    if (this.#again) return;
    this.#again = true;
    this.#later(() => void this.#takeLeft());
  }

  async #takeLeft(): Promise<void> {
    this.#again = false;
    const left = [...this.#left];
    this.#left.clear();
    await Promise.all(left.map((secret) => this.#unset(secret)));
    await this.#note().catch((err: unknown) => this.#log.warn({ err }, 'not written down'));
  }

  /** Their UUIDs, which are in the domain's XML as well. */
  async #note(): Promise<void> {
    await writeStateFile(this.#path, [
      ...new Set([...this.#left, ...[...this.#given.values()].flatMap((set) => [...set])]),
    ]);
  }
}

const afterKeeping = (work: () => void): void => void setTimeout(work, KEEP_MS).unref();

/** libvirt's words for a secret that it does not have. */
const isGone = (error: unknown): boolean =>
  error instanceof AppError && /no secret with matching uuid/u.test(error.detail ?? '');
