/** TCG Vendor ID Registry, 1.06: makers of TPMs by the letters of their identifiers. */
const REGISTERED: ReadonlySet<string> = new Set([
  ...['AMD', 'ANT', 'ATML', 'BRCM', 'CSCO', 'FLYS', 'GOOG', 'HISI', 'HPE', 'HPI', 'IBM', 'IFX'],
  ...['INTC', 'LEN', 'MSFT', 'NSG', 'NSM', 'NTC', 'NTZ', 'QCOM', 'ROCC', 'SECE', 'SMSC', 'SMSN'],
  ...['SNS', 'STM', 'TXN', 'WEC'],
]);

/**
 * A tpmManufacturer by its letters: certificates say `id:494E5443` (TCG EK Credential Profile 2.5, 3.2.9) or
 * `INTC`, padded with zeros or spaces. One that is no letters stays as it was written. It is a claim.
 */
export function manufacturerOf(claimed: string): string {
  const [, hex] = /^id:([0-9a-f]{8})$/iu.exec(claimed) ?? [];
  const letters = hex === undefined ? claimed : Buffer.from(hex, 'hex').toString('latin1');
  const trimmed = letters.replace(/[\0 ]+$/u, '');
  return /^[\x21-\x7e]{1,4}$/u.test(trimmed) ? trimmed.toUpperCase() : claimed;
}

/** Whether that is what a maker of chips or of clouds calls itself. */
export const isRegisteredManufacturer = (claimed: string): boolean =>
  REGISTERED.has(manufacturerOf(claimed));
