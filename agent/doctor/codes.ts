/** What `touchstone-agent doctor` finds, most of it alone; part of the agent's one table. */
export const DOCTOR_CODES = {
  STATE_OWNERS: {
    title: 'The state directory and what lies in it have different owners',
    section: '6',
    remedy:
      'Give all of it to the agent’s user (`chown -R`), once you know why it was not: a command was run as ' +
      'another user.',
    actor: 'host-administrator',
  },
  STATE_UNREADABLE: {
    title: 'The state directory cannot be looked into',
    section: '6',
    remedy: 'Run this as root (`sudo`), or as the agent’s user.',
    actor: 'host-administrator',
  },
  ENROLMENT_UNFINISHED: {
    title: 'An enrolment has stopped half-way',
    section: '4 Enrol',
    remedy:
      'Run `touchstone-agent enroll` again, with the same words: it goes on where it stopped.',
    actor: 'host-administrator',
  },
  CERTIFICATE_UNREADABLE: {
    title: 'The AK certificate cannot be read',
    section: '4 Enrol, step 5',
    remedy: 'Start the agent: it takes a new one from the CA by itself.',
    actor: 'host-administrator',
  },
  CERTIFICATE_ENDED: {
    title: 'The AK certificate has ended',
    section: '4 Enrol, step 5',
    remedy:
      'Start the agent, and see that it reaches the CA: it renews by itself, also after an absence.',
    actor: 'host-administrator',
  },
  CERTIFICATE_RENEWAL_OVERDUE: {
    title: 'The AK certificate should have been renewed by now',
    section: '4 Enrol, step 5',
    remedy: 'See that the agent runs and reaches the CA; its log says why a renewal failed.',
    actor: 'host-administrator',
  },
  CLOCK_SKEWED: {
    title: 'This host’s clock and the server’s differ',
    section: '3',
    remedy: 'Synchronise this host’s clock: `timedatectl set-ntp true`, or chrony.',
    actor: 'host-administrator',
  },
  CLOCK_BEHIND_CERTIFICATE: {
    title: 'By this host’s clock its certificate is not valid yet',
    section: '3',
    remedy: 'Set this host’s clock: `timedatectl set-ntp true`, or chrony.',
    actor: 'host-administrator',
  },
  NAME_UNRESOLVED: {
    title: 'The name does not resolve',
    section: '3',
    remedy: 'Correct the name in DNS or /etc/hosts, or this host’s resolver: `getent ahosts NAME`.',
    actor: 'host-administrator',
  },
  CONNECTION_FAILED: {
    title: 'No connection',
    section: '3',
    remedy: 'See that the other side runs, and what stands between: routes, firewalls, the proxy.',
    actor: 'operator',
  },
  TLS_FAILED: {
    title: 'What listens there does not speak TLS 1.3',
    section: '3',
    remedy: 'Check the port, and that no proxy that speaks older TLS stands in between.',
    actor: 'operator',
  },
  SERVER_NOT_READY: {
    title: 'The server answers, but cannot do its work',
    section: '6',
    remedy: 'Nothing to do here. The operator looks at the server’s log and /v1/ready.',
    actor: 'operator',
  },
  TRUST_BUNDLE_BEHIND: {
    title: 'The server has a later trust bundle',
    section: '3',
    remedy: 'Nothing to do while the agent runs: it takes it at its next attestation.',
    actor: 'agent',
  },
  TRUST_BUNDLE_ENDING: {
    title: 'The trust bundle ends soon, and no later one is here',
    section: '3',
    remedy: 'The operator makes a later bundle; the agent follows by itself.',
    actor: 'operator',
  },
  TPM_PASSED_OVER: {
    title: 'This machine has a TPM that this host does not use',
    section: '4 Enrol, step 1',
    remedy:
      'Enrol with it under the same name, with another --state directory; an approver decides about the new identity.',
    actor: 'host-administrator',
  },
  EK_CERTIFICATE_UNREADABLE: {
    title: 'An EK certificate in the TPM cannot be read',
    section: '4 Enrol, step 2',
    remedy:
      'Look at it with `tpm2_nvread` and `touchstone inspect ek-cert`; ask the maker of the TPM for another.',
    actor: 'host-administrator',
  },
  HOST_NOT_TRUSTED: {
    title: 'The server does not trust this host',
    section: '3',
    remedy:
      'The operator sees why: `touchstone host explain NAME`. `touchstone-agent attest` tells here.',
    actor: 'operator',
  },
  CHECK_FAILED: {
    title: 'This could not be looked at',
    section: '8',
    remedy: 'Read the detail; try again. What was not looked at is not known to be well.',
    actor: 'host-administrator',
  },
} as const;
