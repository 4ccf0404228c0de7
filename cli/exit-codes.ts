/** What the command's exit status says; the numbers from 64 on are those of sysexits(3). */
export const EXIT = {
  yes: 0,
  no: 1,
  usage: 64,
  malformed: 65,
  unavailable: 69,
  bug: 70,
  notPermitted: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
