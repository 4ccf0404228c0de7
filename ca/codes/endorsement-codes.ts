import type { CodeEntry } from './entry.ts';

/** What stands against a TPM's keys, certificates and makers. */
export const ENDORSEMENT_CODES = {
  EK_UNTRUSTED_ROOT: {
    title: 'No root that is trusted vouches for the endorsement key; it waits for an administrator',
    section: 'RFC 5280, 6.1.1 (d)',
    remedy:
      "If the TPM is genuine, import its maker's root certificate (`touchstone ca bundle import DIR`; " +
      '`touchstone ca bundle list` says where to get it) or pin this one EK (`touchstone ca ek waiting`), and ' +
      'enrol again. A host without such a TPM may enrol as software.',
  },
  EK_NOT_PINNED: {
    title:
      'The TPM has no certificate for its endorsement key; it waits for an administrator to pin it',
    section: 'TCG EK Credential Profile 2.5, 2.2',
    remedy:
      "Compare the EK's Name with the one that `touchstone-agent enroll` prints on the machine itself, pin it with its " +
      'class (`touchstone ca ek waiting`, then `touchstone ca ek pin`), and enrol again.',
  },
  EK_DECOMMISSIONED: {
    title:
      'This endorsement key was taken out of service; it gets no certificate until it is readmitted',
    section: 'Enrolment',
    remedy:
      'If the machine is to serve again, readmit it: `touchstone ca ek readmit EKREF --reason TEXT`.',
  },
  TPM_ROOT_MALFORMED: {
    title: 'The file holds no certificate that could be a root',
    section: 'RFC 5280, 4.1',
    remedy:
      'Give one certificate, PEM or DER, as its maker publishes it; `touchstone ca bundle import` takes directories.',
  },
  TPM_ROOT_HELD: {
    title: 'That certificate is a root already',
    section: 'Roots of TPM makers',
    remedy:
      'Nothing to do. To give it another class, remove it first: what it admitted has to enrol anew then.',
  },
  TPM_ROOT_UNKNOWN: {
    title: 'No certificate has this fingerprint',
    section: 'Roots of TPM makers',
    remedy: 'Copy the fingerprint (SHA-256) from `touchstone ca bundle list`.',
  },
  TPM_ROOT_CONFIGURED: {
    title:
      'That root is named in the configuration of the CA, and only whoever holds its machine removes it',
    section: 'Configuration of the CA (roots)',
    remedy:
      'Take it out of `roots` there (with `touchstone up`: out of `ca/tpm-roots/` of the data directory), then start the CA again.',
  },
  EK_CLAIM_MISMATCH: {
    title: 'The EK certificate names another maker of TPMs than the one that vouches for it',
    section: 'TCG EK Credential Profile 2.5, 3.2.9',
    remedy:
      'Its class is that of its root, whatever it claims. Find out where this TPM is from before the host is approved; ' +
      'if the root vouches for that maker too, add it to its `manufacturers` in the configuration of the CA.',
  },
  EK_CERT_QUIRKS: {
    title: 'The EK certificate is in a form beside its specifications that real chips have',
    section: 'TCG EK Credential Profile 2.5, 3.2',
    remedy: 'Nothing to do: it was read all the same.',
  },
  EK_CERT_EKU: {
    title: 'The EK certificate does not say that it is one',
    section: 'TCG EK Credential Profile 2.5, 3.2.16',
    remedy:
      'Its root is one whose certificates are taken all the same. To have them refused, set `eku: strict` beside that root in ' +
      'the configuration of the CA.',
  },
  EK_WEAK_KEY: {
    title:
      'The endorsement key is known to be weak: whoever has its public half can work out the other',
    section: 'CVE-2017-15361',
    remedy:
      'The host is untrusted while it has this key. Update the firmware of its TPM, have the TPM make a new endorsement key where ' +
      'its maker offers that, and enrol again; else replace it.',
  },
  EK_REVOKED: {
    title: 'This endorsement key was revoked; it gets no certificate any more',
    section: 'Enrolment',
    remedy: 'Nothing brings it back. Replace the TPM, or the machine.',
  },
  EK_PINNED: {
    title: 'This endorsement key is pinned already',
    section: 'Pins of endorsement keys',
    remedy:
      'Nothing to do. To give it another class, unpin it first (`touchstone ca ek unpin`); the host enrols anew then.',
  },
  EK_PIN_UNKNOWN: {
    title: 'No endorsement key of this Name is pinned',
    section: 'Pins of endorsement keys',
    remedy: 'Copy the Name from `touchstone ca ek pins`.',
  },
  EK_NOT_IN_SERVICE: {
    title: 'This endorsement key is out of service already',
    section: 'Decommissioning',
    remedy:
      'Nothing to do: it gets no certificate. `touchstone ca ek show` says since when and why.',
  },
  EK_NOT_DECOMMISSIONED: {
    title: 'This endorsement key was not taken out of service, or it was revoked for good',
    section: 'Decommissioning',
    remedy:
      '`touchstone ca ek show` says in which state it is. Nothing brings back what was revoked.',
  },
  EK_UNKNOWN: {
    title: 'No endorsement key has this ekRef',
    section: 'Enrolment',
    remedy: 'Copy the ekRef from `touchstone host show`, or from `touchstone ca ek list`.',
  },
} as const satisfies Record<string, CodeEntry>;
