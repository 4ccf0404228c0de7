import type { HostState } from '@touchstone/schemas';

/** Outline and sign of each state in a box of 16: no two are alike without their colours. */
const SHAPES: Readonly<Record<HostState, readonly [outline: string, sign: string]>> = {
  // a disc, ticked
  trusted: ['M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z', 'm4.8 8.2 2.3 2.3 4.2-4.8'],
  // an octagon, crossed
  untrusted: ['M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z', 'm5.4 5.4 5.2 5.2m0-5.2-5.2 5.2'],
  // a square with three points
  pending: ['M2 2h12v12H2z', 'M5 8h.01M8 8h.01M11 8h.01'],
  // a triangle with a stroke and a point
  stale: ['M8 1 15.5 14.5H.5z', 'M8 6v3.5M8 12h.01'],
  // a diamond, barred
  revoked: ['M8 .5 15.5 8 8 15.5.5 8z', 'M5 8h6'],
};

export function StateMark({ state }: { readonly state: HostState }) {
  const [outline, sign] = SHAPES[state];
  return (
    <span class={`state ${state}`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path class="outline" d={outline} />
        <path class="sign" d={sign} />
      </svg>
      {state}
    </span>
  );
}
