import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { closed, NameHex, Uuid } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { readStateFile } from '../state/state-file.ts';
import { KnownStart, MAX_KNOWN_STARTS } from './known-starts.ts';

const MAX_VMS = 4_096;
const Vms = Type.Array(Uuid, { maxItems: MAX_VMS });
const BootMs = Type.Integer({ minimum: 0 });

/** What was done to one run of a VM by one order. */
const DoneByOrder = closed({
  sequence: Type.Integer({ minimum: 0 }),
  vm: Uuid,
  startTicks: Type.Integer({ minimum: 0 }),
  action: Type.Union([Type.Literal('pause'), Type.Literal('shutdown')]),
  /** A VM that was asked to shut down is ended then. Null: nothing is left to do. */
  endAtBootMs: Type.Union([BootMs, Type.Null()]),
});
export type DoneByOrder = Type.Static<typeof DoneByOrder>;

/**
 * What the agent saw in this boot, so that its own restart makes no exposure of what it permitted, stops no VM twice,
 * and starts none that a person stopped. `ran`: VMs that ran in this boot; `refused`: domains whose start was refused.
 */
export const WatchRecord = closed({
  schema: Type.Literal('touchstone/agent-watch/1'),
  boot: Uuid,
  starts: Type.Array(KnownStart, { maxItems: MAX_KNOWN_STARTS }),
  ran: Vms,
  refused: Vms,
  hookHeardAtBootMs: Type.Union([BootMs, Type.Null()]),
  orders: Type.Array(DoneByOrder, { maxItems: MAX_VMS }),
  /** What the TPM showed first, under that AK. */
  tpm: Type.Optional(closed({ akName: NameHex, resetCount: Type.Integer({ minimum: 0 }) })),
});
export type WatchRecord = Type.Static<typeof WatchRecord>;

const watchPath = (stateDir: string): string => join(stateDir, 'watch.json');

/** The kernel's name for this boot: whatever ran before it runs no more. proc(5), sys/kernel/random/boot_id. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** The record in its file, written again after each change, one write at a time. */
export class KeptRecord {
  readonly #path: string;
  #current: WatchRecord;
  #writing: Promise<void> | null = null;
  #waiting: Promise<void> | null = null;

  private constructor(path: string, current: WatchRecord) {
    this.#path = path;
    this.#current = current;
  }

  /** That of another boot is forgotten. @throws AppError STATE_UNREADABLE */
  static async open(stateDir: string, boot: string): Promise<KeptRecord> {
    const path = watchPath(stateDir);
    // It is not synced, and a host that lost power may find half of it: what it then does not know, it shows.
    const held = await readStateFile(path, WatchRecord).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'STATE_MALFORMED') return null;
      throw error;
    });
    const fresh: WatchRecord = {
      schema: 'touchstone/agent-watch/1',
      boot,
      starts: [],
      ran: [],
      refused: [],
      hookHeardAtBootMs: null,
      orders: [],
    };
    return new KeptRecord(path, held?.boot === boot ? held : fresh);
  }

  get current(): WatchRecord {
    return this.#current;
  }

  /** At once for who reads it here; in the file when this returns. Changes that come together are one write. */
  change(changed: Partial<Omit<WatchRecord, 'schema' | 'boot'>>): Promise<void> {
    this.#current = { ...this.#current, ...changed };
    this.#waiting ??= (this.#writing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#waiting = null;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#waiting;
  }

  /** Not synced: it has to outlive the agent, and no boot. */
  async #write(): Promise<void> {
    const next = `${this.#path}.next`;
    await writeFile(next, JSON.stringify(this.#current), { mode: 0o600 });
    await rename(next, this.#path);
  }
}

/** With that one as the newest. */
export const withVm = (vms: readonly string[], vm: string): string[] =>
  [...vms.filter((each) => each !== vm), vm].slice(-MAX_VMS);
