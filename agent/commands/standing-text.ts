import type { GateStanding, RunningVm } from '@touchstone/schemas';
import { AGENT_CODES, type AgentCode } from '../codes.ts';

/** Of a terminal. */
const WIDTH = 79;
const MAX_VMS = 20;

/** What runs here and what of it nobody permitted, in lines that a terminal of 80 columns holds. */
export function standingText(standing: GateStanding): string[] {
  const { running, exposures, omitted, licences, observesUntil } = standing;
  const lines = [
    `VMs        ${counted(running.length, 'runs', 'run')}`,
    ...running.slice(0, MAX_VMS).map(vmLine),
    ...(running.length > MAX_VMS ? [`  and ${running.length - MAX_VMS} more: --json`] : []),
    `licences   ${licences === 0 ? 'none: without a verdict no VM starts' : `${licences} held, for when no verdict can be had`}`,
  ];
  if (observesUntil !== null)
    lines.push(`observing  until ${minuteOf(observesUntil)}: no start is refused`);
  lines.push(`exposures  ${exposures.length === 0 ? 'none' : exposures.length + omitted}`);
  for (const { code, subject, detail } of exposures) {
    const remedy = code in AGENT_CODES ? AGENT_CODES[code as AgentCode].remedy : '';
    lines.push(...folded(`${code}: ${subject}`, '  '), ...folded(detail, '    '));
    if (remedy !== '') lines.push(...folded(`to do: ${remedy}`, '    '));
  }
  return lines;
}

const counted = (number: number, one: string, more: string): string =>
  number === 0 ? 'none runs' : `${number} ${number === 1 ? one : more}`;

function vmLine({ name, door, permit, paused, since }: RunningVm): string {
  const ground = permit === null ? 'NO PERMIT' : 'permitted';
  const state = paused ? 'paused' : 'since';
  const words = [name.padEnd(30).slice(0, 30), (door ?? 'by hand').padEnd(7), ground, state];
  return `  ${words.join('  ')} ${minuteOf(since)}`;
}

const minuteOf = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 16)}Z`;

/** At spaces; a word that is longer than a line has one of its own. */
function folded(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}
