import { useState } from 'preact/hooks';
import type { HostExplanation } from '@touchstone/schemas';
import { counted, EVENT_VERDICT } from '../words.ts';
import { TableHead } from './table-head.tsx';

type Events = HostExplanation['events'];

const COLUMNS = ['Event', 'PCR', 'Verdict', 'Name', 'Type', 'Digest'];

/** What was measured, in the order of the log. Digests are there to be compared: none is cut. */
export function EventLog({ events }: { readonly events: Events }) {
  const [onlyBad, setOnlyBad] = useState(false);
  const count = (verdict: string) => events.filter((event) => event.verdict === verdict).length;
  const unexpected = count('unexpected');
  const shown = onlyBad ? events.filter(({ verdict }) => verdict === 'unexpected') : events;
  return (
    <>
      <p>
        {counted(events.length, 'event')}: {count('expected')} as approved, {unexpected} not
        approved, {count('unchecked')} not checked
      </p>
      {unexpected > 0 && unexpected < events.length && (
        <label class="only">
          <input
            type="checkbox"
            checked={onlyBad}
            onChange={(event) => setOnlyBad(event.currentTarget.checked)}
          />{' '}
          only what is not approved
        </label>
      )}
      {shown.length > 0 && <EventTable events={shown} />}
    </>
  );
}

function EventTable({ events }: { readonly events: Events }) {
  return (
    <table class="events" role="table" aria-label="Event log">
      <TableHead columns={COLUMNS} />
      <tbody role="rowgroup">
        {events.map(({ index, pcr, verdict, name, type, digest }) => (
          <tr key={index} role="row" class={verdict}>
            <td role="cell" data-title="event">
              {index}
            </td>
            <td role="cell" data-title="PCR">
              {pcr}
            </td>
            <td role="cell" class="event-verdict">
              {EVENT_VERDICT[verdict]}
            </td>
            <td role="cell" data-title="name" class="event-name">
              {name ?? <span class="faint">none</span>}
            </td>
            <td role="cell" data-title="type">
              {type}
            </td>
            <td role="cell" data-title="digest" class="digest">
              {digest}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
