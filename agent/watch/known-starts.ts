import { Type } from 'typebox';
import { closed, DiskName, Door, LineOfText, Sha256Hex, Uuid } from '@touchstone/schemas';
import { withoutKeyOptions } from '../keys/key-options.ts';
import {
  commandDigest,
  type Hypervisor,
  type ProcessId,
  sameProcess,
  msOfTicks,
} from './processes.ts';

const Process = closed({
  pid: Type.Integer({ minimum: 1 }),
  startTicks: Type.Integer({ minimum: 0 }),
});

/**
 * A start that the gate permitted in this boot. `asker`: the process that asked and, by execve(2), becomes the VM's.
 * `process`: the VM's, once it was seen. `commandSha256`: of the command that was asked about, at the doors that have
 * one; `sealed`: the disks for whose keys `run` adds options to it.
 */
export const KnownStart = closed({
  vm: Uuid,
  name: Type.Union([LineOfText(128), Type.Null()]),
  door: Door,
  permit: Uuid,
  requestId: Uuid,
  atBootMs: Type.Integer({ minimum: 0 }),
  asker: Type.Union([Process, Type.Null()]),
  commandSha256: Type.Union([Sha256Hex, Type.Null()]),
  sealed: Type.Optional(Type.Array(DiskName, { minItems: 1, maxItems: 64 })),
  process: Type.Union([Process, Type.Null()]),
});
export type KnownStart = Type.Static<typeof KnownStart>;

export const MAX_KNOWN_STARTS = 4_096;

/** From the permit to the process. A permit itself is good for less. */
const TO_BEGIN_MS = 120_000;
/** Ticks and the boot's clock are read one after the other. */
const GRAIN_MS = 1_000;

const begunBy = (start: KnownStart, { startTicks }: ProcessId): boolean => {
  const began = msOfTicks(startTicks) - start.atBootMs;
  return began >= -GRAIN_MS && began <= TO_BEGIN_MS;
};

/** The process of a start as far as it is known. */
export type ProcessOf = (start: KnownStart) => ProcessId | null;

/** The start by which libvirt runs this VM in this process: of one permit there is one process. */
export function startOfDomain(
  starts: readonly KnownStart[],
  processOf: ProcessOf,
  { vm, process }: { readonly vm: string; readonly process: ProcessId },
): KnownStart | undefined {
  const ofVm = starts.filter((start) => start.door === 'libvirt' && start.vm === vm);
  return (
    ofVm.find((start) => sameProcess(processOf(start), process)) ??
    ofVm.findLast((start) => processOf(start) === null && begunBy(start, process))
  );
}

/**
 * The start by which a process runs that libvirt knows nothing of: it is the one that asked, was made by it, or has
 * the command that was asked about and began when it was permitted (QEMU's -daemonize, a systemd unit).
 */
export function startOfCommand(
  starts: readonly KnownStart[],
  processOf: ProcessOf,
  {
    process,
    ancestors,
  }: { readonly process: Hypervisor; readonly ancestors: readonly ProcessId[] },
): KnownStart | undefined {
  const commands = starts.filter(({ door }) => door !== 'libvirt');
  const line = [process, ...ancestors];
  const asked = ({ asker }: KnownStart) => line.some((each) => sameProcess(asker, each));
  return (
    commands.find((start) => sameProcess(processOf(start), process)) ??
    commands.find((start) => start.door === 'run' && asked(start)) ??
    commands.findLast(
      (start) =>
        processOf(start) === null && begunBy(start, process) && hasItsCommand(start, process),
    )
  );
}

/** No other door adds anything to a command. */
function hasItsCommand({ door, commandSha256, sealed }: KnownStart, process: Hypervisor): boolean {
  const command =
    door === 'run' && sealed !== undefined
      ? withoutKeyOptions(process.command, sealed)
      : process.command;
  return command !== null && commandDigest(command) === commandSha256;
}

/** Those that still explain something, or may come to. */
export function startsToKeep(
  starts: readonly KnownStart[],
  isAlive: (process: ProcessId) => boolean,
  bootMs: number,
): readonly KnownStart[] {
  return starts
    .filter(({ process, asker, atBootMs }) => {
      if (process !== null && isAlive(process)) return true;
      if (asker !== null && isAlive(asker)) return true;
      return process === null && bootMs - atBootMs <= TO_BEGIN_MS + 30_000;
    })
    .slice(-MAX_KNOWN_STARTS);
}

/** A start by libvirt that came to nothing is over, and its permit explains no later one. */
export const withoutReleased = (starts: readonly KnownStart[], released: string): KnownStart[] =>
  starts.filter(
    ({ door, vm, process }) => door !== 'libvirt' || vm !== released || process !== null,
  );
