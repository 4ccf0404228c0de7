/** A process of its own: the most memory that it has had while it read a list, without the list's, in bytes. */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { appraiseImaSegment } from '@touchstone/appraisal';
import type { ImaPolicy } from '@touchstone/schemas';

const [listFile, policyFile, pcr10] = process.argv.slice(2);
if (listFile === undefined || policyFile === undefined || pcr10 === undefined) {
  throw new TypeError('ima-memory LIST POLICY PCR10');
}
const policy = JSON.parse(readFileSync(policyFile, 'utf8')) as ImaPolicy;
const list = readFileSync(listFile);
const policies = [{ document: 'runtime bench version 1', policy }];
const zeros = new Map([['sha256', new Map([[10, new Uint8Array(32).fill(1)]])]] as const);
// The policy is compiled by what does not fit, and is not the list's.
appraiseImaSegment(undefined, list.subarray(0, 200), { policies, pcrs: zeros, fromEntry: 0 });
globalThis.gc?.();
await setTimeout(100);
// proc_pid_clear_refs(5): the peak of what is resident begins anew.
writeFileSync('/proc/self/clear_refs', '5');
const pcrs = new Map([['sha256', new Map([[10, Buffer.from(pcr10, 'hex')]])]] as const);
const { state, believedEntries } = appraiseImaSegment(undefined, list, {
  ...{ policies, pcrs, fromEntry: 0 },
});
if (state !== 'believed') throw new Error(`${state} after ${believedEntries} entries`);
const peak = /^VmHWM:\s+(\d+) kB$/mu.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
process.stdout.write(`${Number(peak) * 1_024 - list.length}\n`);
