import type { Command } from 'commander';
import { readStart } from '../input.ts';
import { appraisalLines } from '../show/appraisal.ts';
import { loadTitles } from '../show/reason-titles.ts';
import type { World } from '../world.ts';

export type AppraiseEvidenceOptions = { readonly evidence: string; readonly context: string };

/**
 * The verdict on stored evidence, made again. With --json the outcome's own bytes, whose SHA-256 is the one that was
 * noted with the verdict.
 */
export async function appraiseEvidence(
  world: World,
  files: AppraiseEvidenceOptions,
  command: Command,
): Promise<void> {
  // Only here: it brings the rooms that appraise with it.
  const { appraiseAgain, MAX_FILE_BYTES } = await import('../appraise/appraise-evidence.ts');
  const { isGoodEvidence, outcomeBytes, outcomeDigestOf } = await import('@touchstone/appraisal');
  const read = (file: string) => readStart(file, world.stdin, MAX_FILE_BYTES + 1);
  const appraisal = appraiseAgain(await read(files.evidence), await read(files.context));
  if (!appraisal.ok || !isGoodEvidence(appraisal.result.verdict)) world.answersNo();
  const outcome = appraisal.ok ? outcomeDigestOf(appraisal.result) : null;
  const shown = { titleOf: await loadTitles(), width: world.screen.textWidth, outcome };
  const lines = () => appraisalLines(appraisal, shown);
  if (!appraisal.ok) return world.present(command, { findings: appraisal.findings }, lines);
  const text = Buffer.from(outcomeBytes(appraisal.result)).toString('ascii');
  return world.presentText(command, text, lines);
}
