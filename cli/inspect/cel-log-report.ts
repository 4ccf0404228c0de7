import {
  type CelLog,
  type CelRecord,
  type CelRegister,
  parseCelLog,
  replayCelLog,
  safeLine,
} from '@touchstone/eventlog';
import type { BankName } from '@touchstone/tpm';

/** What `touchstone inspect eventlog --json` prints of a canonical event log: names and forms are an interface. */
export type CelLogReport = {
  readonly format: 'canonical';
  readonly encoding: CelLog['encoding'];
  readonly records: readonly ReportedRecord[];
  /**
   * What the records lead to from zeros. A log of user space goes on where the firmware's left off: where both
   * measure, this is not what the PCR holds.
   */
  readonly pcrs: Readonly<Partial<Record<BankName, Readonly<Record<string, string>>>>>;
  readonly findings: readonly never[];
};

export type ReportedRecord = {
  readonly index: number;
  readonly register: CelRegister;
  readonly digests: Readonly<Partial<Record<BankName, string>>>;
  /** `label`: no digest covers what the content says. */
  readonly basis: CelRecord['basis'];
  readonly kind: CelRecord['content']['kind'];
  /** For people: one line. */
  readonly name: string;
} & Readonly<Record<string, unknown>>;

/**
 * systemd's log of user space, or another canonical event log, by itself and without a quote.
 *
 * @throws ParseError
 */
export function reportCelLog(bytes: Uint8Array): CelLogReport {
  const log = parseCelLog(bytes);
  return {
    format: 'canonical',
    encoding: log.encoding,
    records: log.records.map(reported),
    pcrs: Object.fromEntries(
      [...replayCelLog(log)].map(([bank, { values }]) => [
        bank,
        Object.fromEntries([...values].map(([pcr, value]) => [pcr, hex(value)])),
      ]),
    ),
    findings: [],
  };
}

function reported({ index, register, digests, basis, content }: CelRecord): ReportedRecord {
  const { kind, ...fields } = content;
  return {
    index,
    register,
    digests: Object.fromEntries(digests.map(({ bank, digest }) => [bank, hex(digest)])),
    basis,
    kind,
    name: safeLine(nameOf(content)),
    ...Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? hex(value) : value,
      ]),
    ),
  };
}

function nameOf(content: CelRecord['content']): string {
  switch (content.kind) {
    case 'systemd':
      return content.string ?? 'nothing';
    case 'pcclient':
      return `event of type 0x${content.claimedType.toString(16).padStart(8, '0')}`;
    case 'other':
      return `content of type ${content.type}`;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
