import type { GateStatus } from '@touchstone/schemas';

/** Over every view while it lasts, for nobody should forget it. */
export function ObserveNotice({ status }: { readonly status: GateStatus }) {
  const { observation } = status;
  if (observation === null) return null;
  const { until, labels, reason } = observation;
  const named = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return (
    <aside class="quorum observe" aria-label="Observe mode">
      <strong>The gate only observes:</strong> no start is refused
      {named.length > 0 && ` on hosts with ${named.join(', ')}`}, until{' '}
      <time dateTime={until}>{until.slice(0, 16).replace('T', ' ')} UTC</time> ({reason}).
    </aside>
  );
}
