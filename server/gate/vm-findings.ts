import type { Finding, StartRequest, Vm } from '@touchstone/schemas';
import { serverFinding } from '../codes.ts';
import type { GateQuestion } from './question.ts';

/** Why this VM is not to run on this host, or not as it was asked for. */
export function vmFindings(question: GateQuestion): Finding[] {
  const { vm, held, host, request, result, carriesTouchstone } = question;
  if (carriesTouchstone) return [serverFinding('VM_CARRIES_TOUCHSTONE', { subject: request.vm })];
  if (vm === null || vm.uuid !== request.vm) {
    return [serverFinding('VM_UNKNOWN', { subject: request.vm })];
  }
  const findings: Finding[] = [];
  if (held !== null) {
    findings.push(
      serverFinding('VM_HELD', { subject: vm.name, expected: 'not held', actual: held }),
    );
  }
  if (!vm.classes.includes(host.class)) {
    const expected = vm.classes.join(', ');
    findings.push(
      serverFinding('CLASS_NOT_ACCEPTED', { subject: vm.name, expected, actual: host.class }),
    );
  }
  for (const [label, expected] of Object.entries(vm.hostLabels)) {
    const actual = Object.hasOwn(host.labels, label) ? host.labels[label] : undefined;
    if (actual === expected) continue;
    findings.push(
      serverFinding('HOST_LABELS_MISMATCH', {
        subject: `${vm.name}: label ${label}`,
        expected,
        actual: actual ?? 'absent',
      }),
    );
  }
  if (vm.warnings === 'refuse' && result.verdict === 'warning') {
    const warnings = result.findings.filter(({ effect }) => effect === 'warn');
    findings.push(
      serverFinding('WARNING_NOT_ACCEPTED', {
        subject: vm.name,
        expected: 'affirming',
        actual: warnings.map(({ code }) => code).join(', ') || 'warning',
      }),
      ...warnings,
    );
  }
  return [
    ...findings,
    ...imageFindings(vm, request),
    ...diskFindings(vm, request),
    ...restoreFindings(vm, request),
    ...migrationFindings(vm, question),
  ];
}

/** A VM with golden images that shows none is not the VM that was registered. */
function imageFindings(vm: Vm, { imageDigests }: StartRequest): Finding[] {
  if (vm.images.length === 0) return [];
  const notGolden = imageDigests.filter((digest) => !vm.images.includes(digest));
  const strange = imageDigests.length === 0 ? ['none'] : notGolden;
  return strange.map((actual) =>
    serverFinding('IMAGE_NOT_GOLDEN', {
      subject: vm.name,
      expected: vm.images.join(', '),
      actual,
    }),
  );
}

/** What the host did not read, since it took it for data, the record has to call so. */
function diskFindings(vm: Vm, { dataDisks = [] }: StartRequest): Finding[] {
  const known = (vm.disks ?? []).map(({ name }) => name);
  return dataDisks
    .filter((disk) => !known.includes(disk))
    .map((actual) =>
      serverFinding('DISK_NOT_DATA', {
        subject: vm.name,
        expected: known.join(', ') || 'none',
        actual,
      }),
    );
}

/** What a sealed disk's key goes to is in the saved file: it has to be the one that was saved. */
function restoreFindings(vm: Vm, { operation, savedState = null }: StartRequest): Finding[] {
  const sealed = (vm.disks ?? []).some(({ kind }) => kind === 'sealed');
  if (operation !== 'restore' || savedState !== null || !sealed) return [];
  return [serverFinding('SAVED_STATE_UNKNOWN', { subject: vm.name })];
}

function migrationFindings(vm: Vm, { request, sources }: GateQuestion): Finding[] {
  if (request.operation !== 'migrate') return [];
  if (sources.length === 0)
    return [serverFinding('MIGRATION_SOURCE_UNKNOWN', { subject: vm.name })];
  return sources
    .filter(({ state }) => state !== 'trusted')
    .map(({ name, state }) =>
      serverFinding('MIGRATION_SOURCE_NOT_TRUSTED', {
        subject: vm.name,
        expected: 'trusted',
        actual: `${name}: ${state}`,
      }),
    );
}
