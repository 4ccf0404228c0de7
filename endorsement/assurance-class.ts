import { TOUCHSTONE_OID } from './oids.ts';

/** What kind of TPM vouches for a host. There is no order among them. */
export type AssuranceClass = 'discrete' | 'firmware' | 'virtual' | 'software';

const POLICY: Readonly<Record<AssuranceClass, string>> = {
  discrete: TOUCHSTONE_OID.policyDiscrete,
  firmware: TOUCHSTONE_OID.policyFirmware,
  virtual: TOUCHSTONE_OID.policyVirtual,
  software: TOUCHSTONE_OID.policySoftware,
};

export const ASSURANCE_CLASSES = [
  'discrete',
  'firmware',
  'virtual',
  'software',
] as const satisfies readonly AssuranceClass[];

/** The certificate policy that stands for a class. */
export function policyOfClass(assuranceClass: AssuranceClass): string {
  return POLICY[assuranceClass];
}

export function classOfPolicy(oid: string): AssuranceClass | undefined {
  return ASSURANCE_CLASSES.find((name) => POLICY[name] === oid);
}
