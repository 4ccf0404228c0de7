import type {
  AssuranceClass,
  BootCounters,
  FailMode,
  HostState,
  Labels,
  LicenceClaims,
  ObserveClaims,
  OnLoss,
  OrdersClaims,
  Verdict,
  Vm,
} from '@touchstone/schemas';

/** Who a mandate is for, and who says so. */
type Addressed = {
  readonly issuer: string;
  readonly akName: string;
  readonly hostId: string;
  readonly now: Date;
};

const addressedTo = ({ issuer, akName, hostId, now }: Addressed) => ({
  ...{ iss: issuer, aud: akName, iat: Math.floor(now.getTime() / 1_000) },
  'touchstone.host': hostId,
});

export type LicenceQuestion = Addressed & {
  readonly id: string;
  /** As the evidence that is being answered leaves it. */
  readonly host: {
    readonly state: HostState;
    readonly class: AssuranceClass;
    readonly labels: Labels;
  };
  readonly verdict: Verdict;
  /** Of that evidence. */
  readonly boot: BootCounters;
  readonly vm: Pick<Vm, 'uuid' | 'classes' | 'hostLabels' | 'warnings'> & {
    readonly failMode: FailMode;
    /** Of its latest permit, which this host got, and after the record was changed last. */
    readonly definitionDigest: string;
  };
};

/**
 * A standing licence, or null. It says that in the transaction that answers this evidence
 *
 * - the host is trusted, and the verdict on its evidence is good;
 * - the VM's record lets it start without a verdict, and accepts this host's class and labels, and a warning where
 *   there is one;
 * - this host got the VM's latest permit, for this definition, under the record as it is now.
 *
 * It is for the boot of this evidence alone.
 */
export function grantLicence(question: LicenceQuestion): LicenceClaims | null {
  const { host, verdict, vm, boot, id } = question;
  const { failMode } = vm;
  if (failMode.mode === 'refuse' || host.state !== 'trusted') return null;
  if (verdict !== 'affirming' && !(verdict === 'warning' && vm.warnings !== 'refuse')) return null;
  if (!vm.classes.includes(host.class) || !hasLabels(host.labels, vm.hostLabels)) return null;
  const until =
    failMode.mode === 'allow-and-flag'
      ? null
      : String(BigInt(boot.clock) + BigInt(failMode.seconds) * 1_000n);
  return {
    ...addressedTo(question),
    jti: id,
    'touchstone.boot': boot,
    'touchstone.vm': vm.uuid,
    'touchstone.definition': vm.definitionDigest,
    'touchstone.mode': failMode.mode,
    'touchstone.until': until,
  };
}

/** Whether a host has all of these labels, with these values. */
export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(
    ([label, value]) => Object.hasOwn(labels, label) && labels[label] === value,
  );

/** VMs are named where the host's trust is lost, and nowhere else. */
export const ordersClaims = (
  of: Addressed & {
    readonly state: HostState;
    readonly sequence: number;
    readonly vms: readonly { readonly vm: string; readonly action: OnLoss }[];
  },
): OrdersClaims => ({
  ...addressedTo(of),
  'touchstone.state': of.state,
  'touchstone.sequence': of.sequence,
  'touchstone.vms': of.vms.map(({ vm, action }) => ({ vm, action })),
});

export const observeClaims = (
  of: Addressed & { readonly id: string; readonly until: Date },
): ObserveClaims => ({
  ...addressedTo(of),
  jti: of.id,
  'touchstone.until': Math.floor(of.until.getTime() / 1_000),
});
