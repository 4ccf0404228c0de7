/**
 * Whether the permit that host `h` names for a VM `r` of its report was given to it, as the machine that it is now, for this
 * VM, by a start `s` that the records have so.
 */
export const permittedAs = (start: string): string =>
  `EXISTS (SELECT FROM starts s WHERE s.permit_id = r.permit AND ${start}
              AND s.vm = r.vm AND s.host_id = r.host_id AND s.machine = h.machine)`;
