import { setTimeout as sleep } from 'node:timers/promises';
import { hangUp } from './hang-up.ts';
import { openFailure } from './open-failure.ts';
import { isFull } from './response-codes.ts';
import { resubmitting } from './resubmission.ts';
import { TpmError, errorOfResponse } from './tpm-error.ts';
import { tssLibraries } from './tss-libraries.ts';
import type { EsysName, NativeArgument, NativeFunction } from './tss-libraries.ts';

/** Sends one ESYS function's command, and throws unless the TPM answered with success. */
export type Send = (name: EsysName, ...args: NativeArgument[]) => Promise<void>;

/** How long opening waits for a call that was hung up on: it comes back a moment later. */
const HANG_UP_MS = 250;

/** TCTI layer, general failure of the transport: TSS 2.0 Overview and Common Structures, 3.15. */
const TSS2_TCTI_RC_IO_ERROR = 0xa000a;
const REOPEN_PAUSES_MS = [10, 40, 160, 320];

/** Native code reads and writes these Buffers until it comes back, however late; koffi does not hold them. */
const inUse = new Set<NativeArgument[]>();

/** Native calls that have not come back in time, by TCTI: each holds a thread of libuv's pool. */
const hanging = new Map<string, Set<Promise<unknown>>>();

/**
 * One ESYS context. An ESYS_CONTEXT is for one thread at a time, so commands wait for each other in a
 * queue of promises; a native mutex would make them wait on the pool's threads instead.
 *
 * Each native call is raced with a timer. When the timer wins the context is spent: its thread may still
 * write to it, so nobody else may use it, and it is finalised when the call does come back.
 */
export class Connection {
  readonly tcti: string;
  /** Flushes what nobody holds any more; within a job. After it a command that found no place is sent again. */
  makeRoom: ((send: Send) => Promise<void>) | undefined;
  readonly #timeoutMs: number;
  /** TSS2_TCTI_CONTEXT * and ESYS_CONTEXT *, in cells because their finalisers take `**`. */
  readonly #tctiCell = Buffer.alloc(8);
  readonly #esysCell = Buffer.alloc(8);
  #tail: Promise<unknown> = Promise.resolve();
  /** Why no further command is sent. */
  #spent: TpmError | undefined;
  #closing = false;

  constructor(tcti: string, timeoutMs: number) {
    this.tcti = tcti;
    this.#timeoutMs = timeoutMs;
  }

  async open(): Promise<void> {
    if (!/^(swtpm|device):./.test(this.tcti) || this.tcti.includes('\0')) {
      // libtss2-tctildr would take the name for that of a shared object to load.
      throw new TpmError('TPM_MISUSE', 'open', 'the TCTI must be swtpm:... or device:...');
    }
    if (await stillHangs(this.tcti)) {
      throw new TpmError('TPM_TIMEOUT', 'open', `an earlier call to ${this.tcti} still hangs`);
    }
    try {
      await this.#initialize(loadLibraries());
    } catch (error) {
      this.#spend(error);
      throw error;
    }
  }

  /**
   * A software TPM that has just started, or just lost its last client, may hang up on the next one; who holds
   * a device may be done in a moment.
   */
  async #initialize(libraries: ReturnType<typeof loadLibraries>): Promise<void> {
    const deadline = this.#deadline();
    const pauses = [...REOPEN_PAUSES_MS];
    for (;;) {
      const connect = await this.#race('open', deadline, libraries.initializeTcti, [
        this.tcti,
        this.#tctiCell,
      ]);
      const rc =
        connect !== 0
          ? connect
          : libraries.esys.Esys_Initialize(this.#esysCell, this.#tctiAddress(), null);
      if (rc === 0) return;
      const code = await openFailure(this.tcti);
      const passing = code === 'TPM_UNAVAILABLE' || code === 'TPM_BUSY';
      const pause = passing && rc === TSS2_TCTI_RC_IO_ERROR ? pauses.shift() : undefined;
      if (pause === undefined) {
        throw new TpmError(code, 'open', `${this.tcti}: ${libraries.decode(rc)}`, { rc });
      }
      await sleep(pause);
    }
  }

  /** One command, or a few that belong together, alone on the context. */
  run<T>(command: string, job: (send: Send) => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new TpmError('TPM_CLOSED', command, 'closed'));
    return this.#enqueue(async () => {
      if (this.#spent !== undefined) {
        const detail = `not sent: the context is spent since ${this.#spent.message}`;
        throw new TpmError('TPM_UNAVAILABLE', command, detail, { cause: this.#spent });
      }
      const deadline = this.#deadline();
      return await job((name, ...args) => this.#send(command, deadline, name, args));
    });
  }

  /** No further call, not even a local one: the context may belong to one that hangs. */
  get spent(): boolean {
    return this.#spent !== undefined;
  }

  /** A call that sends nothing to the TPM; within a job only. */
  local(command: string, name: EsysName, ...args: NativeArgument[]): void {
    const libraries = tssLibraries();
    const rc = libraries.esys[name](this.#esysAddress(), ...args);
    if (rc !== 0) throw errorOfResponse(rc, command, libraries.decode);
  }

  /** Lets what is queued finish, then `farewell`, then gives the context back. Never throws. */
  close(farewell: (send: Send) => Promise<void>): Promise<void> {
    if (this.#closing) return this.#tail.then(ignore, ignore);
    this.#closing = true;
    return this.#enqueue(async () => {
      if (this.#spent !== undefined) return;
      const deadline = this.#deadline();
      const send: Send = (name, ...args) => this.#send('close', deadline, name, args);
      await farewell(send).catch(ignore);
      if (this.#spent === undefined) await within(this.#timeoutMs, this.#finalize());
    });
  }

  #enqueue<T>(job: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(job);
    this.#tail = turn.then(ignore, ignore);
    return turn;
  }

  async #send(
    command: string,
    deadline: number,
    name: EsysName,
    args: NativeArgument[],
  ): Promise<void> {
    const libraries = tssLibraries();
    const send = () =>
      resubmitting(deadline, () =>
        this.#race(command, deadline, libraries.esys[name], [this.#esysAddress(), ...args]),
      );
    let rc = await send();
    const { makeRoom } = this;
    if (isFull(rc) && makeRoom !== undefined) {
      this.makeRoom = undefined;
      await makeRoom((inner, ...its) => this.#send(command, deadline, inner, its)).finally(() => {
        this.makeRoom = makeRoom;
      });
      rc = await send();
    }
    if (rc === 0) return;
    const error = errorOfResponse(rc, command, libraries.decode);
    if (error.code === 'TPM_UNAVAILABLE') this.#spend(error);
    throw error;
  }

  async #race(
    command: string,
    deadline: number,
    fn: NativeFunction,
    args: NativeArgument[],
  ): Promise<number> {
    let back = false;
    const call = new Promise<number>((resolve, reject) => {
      const done = () => {
        back = true;
        inUse.delete(args);
      };
      inUse.add(args);
      try {
        fn.async(...args, (error, result) => {
          done();
          if (error) reject(error);
          else resolve(result);
        });
      } catch (error) {
        done();
        reject(error);
      }
    });
    const timer = new AbortController();
    const expired = sleep(Math.max(0, deadline - performance.now()), undefined, {
      signal: timer.signal,
    }).then(() => {
      throw new TpmError('TPM_TIMEOUT', command, `no answer within ${this.#timeoutMs} ms`);
    });
    try {
      return await Promise.race([call, expired]);
    } catch (error) {
      if (!back) this.#abandon(call, error);
      throw error;
    } finally {
      timer.abort();
      expired.catch(ignore);
    }
  }

  #abandon(call: Promise<number>, reason: unknown): void {
    this.#spent = spentBy(reason);
    const calls = hanging.get(this.tcti) ?? new Set();
    hanging.set(this.tcti, calls.add(call));
    const cameBack = () => {
      calls.delete(call);
      if (calls.size === 0) hanging.delete(this.tcti);
      void this.#finalize();
    };
    call.then(cameBack, cameBack);
    hangUp(this.tcti);
  }

  #spend(reason: unknown): void {
    if (this.#spent !== undefined) return;
    this.#spent = spentBy(reason);
    void this.#finalize();
  }

  /** No call may be under way. On a thread: closing a device makes the kernel flush what it held. */
  async #finalize(): Promise<void> {
    const { finalizeEsys, finalizeTcti } = tssLibraries();
    if (this.#esysAddress() !== 0n) await onThread(finalizeEsys, this.#esysCell);
    if (this.#tctiAddress() !== 0n) await onThread(finalizeTcti, this.#tctiCell);
  }

  #deadline(): number {
    return performance.now() + this.#timeoutMs;
  }

  #esysAddress(): bigint {
    return this.#esysCell.readBigUInt64LE();
  }

  #tctiAddress(): bigint {
    return this.#tctiCell.readBigUInt64LE();
  }
}

async function stillHangs(tcti: string): Promise<boolean> {
  const calls = hanging.get(tcti);
  if (calls === undefined || calls.size === 0) return false;
  await within(HANG_UP_MS, Promise.allSettled(calls));
  return calls.size > 0;
}

function onThread(fn: NativeFunction, cell: Buffer): Promise<void> {
  return new Promise((resolve) => fn.async(cell, () => resolve()));
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(ignore)]);
  timer.abort();
}

function loadLibraries(): ReturnType<typeof tssLibraries> {
  try {
    return tssLibraries();
  } catch (cause) {
    const detail = 'tpm2-tss is not installed (libtss2-esys, -mu, -tctildr, -rc)';
    throw new TpmError('TPM_LIBRARY_MISSING', 'open', detail, { cause });
  }
}

function spentBy(reason: unknown): TpmError {
  if (reason instanceof TpmError) return reason;
  return new TpmError('TPM_UNAVAILABLE', 'context', String(reason), { cause: reason });
}

function ignore(): void {}
