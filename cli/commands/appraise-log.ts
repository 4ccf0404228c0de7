import type { Command } from 'commander';
import { type AssuranceClass, BASELINE_YAML_MAX_BYTES } from '@touchstone/schemas';
import { readInput, readStart } from '../input.ts';
import { logAppraisalLines } from '../show/log-appraisal.ts';
import type { World } from '../world.ts';

export type AppraiseLogOptions = {
  readonly log: string;
  readonly baseline: readonly string[];
  readonly class?: AssuranceClass;
  readonly ima?: string;
};

/** The exit status says yes where the same of a host would be good evidence: a warning does not refuse. */
export async function appraiseLog(
  world: World,
  { log, baseline, class: held, ima: list }: AppraiseLogOptions,
  command: Command,
): Promise<void> {
  // Only here: they bring the rooms that appraise with them.
  const { isGoodEvidence } = await import('@touchstone/appraisal');
  const { appraiseLogFile, titleOfCode } = await import('../appraise/appraise-log-file.ts');
  const { MAX_IMA_BYTES_READ } = await import('../inspect/inspect-ima.ts');
  const { MAX_LOG_BYTES_READ } = await import('../inspect/inspect-event-log.ts');
  const bytes = await readStart(log, world.stdin, MAX_LOG_BYTES_READ);
  const ima =
    list === undefined
      ? undefined
      : { file: list, bytes: await readStart(list, world.stdin, MAX_IMA_BYTES_READ) };
  const files = [];
  for (const file of baseline) {
    files.push({ file, text: await readInput(file, world.stdin, BASELINE_YAML_MAX_BYTES) });
  }
  const report = appraiseLogFile({ log: { file: log, bytes }, ima, files }, held, world.now());
  if (!isGoodEvidence(report.verdict)) world.answersNo();
  const width = world.screen.textWidth;
  world.present(command, report, () => logAppraisalLines(report, { titleOf: titleOfCode, width }));
}
