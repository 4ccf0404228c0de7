import type { Command } from 'commander';
import { gatherFiles, readClass } from '../arguments.ts';
import type { World } from '../world.ts';
import { appraiseEvidence, type AppraiseEvidenceOptions } from './appraise-evidence.ts';
import { appraiseLog, type AppraiseLogOptions } from './appraise-log.ts';

type AppraiseOptions = Partial<AppraiseLogOptions & AppraiseEvidenceOptions>;

/** What an appraisal makes of files, told on this machine alone: no server is asked and no login is needed. */
export function addAppraiseCommand(program: Command, world: World): void {
  program
    .command('appraise')
    .description(
      'what an appraisal makes of a log and baselines, or made of evidence; asks no server',
    )
    .option(
      '--log <file>',
      'binary_bios_measurements of securityfs, or its like; - is standard input',
    )
    .option('--baseline <file>', 'YAML to hold it against; repeatable', gatherFiles)
    .option(
      '--class <class>',
      "the machine's; by default the first that the baselines are for",
      readClass,
    )
    .option(
      '--ima <file>',
      "IMA's list of the same boot: binary_ or ascii_runtime_measurements of securityfs",
    )
    .option('--evidence <file>', 'evidence.json of `touchstone audit export`')
    .option('--context <file>', 'context.json of it: all that the verdict was made from')
    .action((options: AppraiseOptions, command: Command) => appraise(world, options, command));
}

async function appraise(world: World, options: AppraiseOptions, command: Command): Promise<void> {
  const { log, baseline, class: held, ima, evidence, context } = options;
  const [ofLog, ofEvidence] = [log ?? baseline ?? held ?? ima, evidence ?? context];
  if (ofLog !== undefined && ofEvidence !== undefined) {
    return command.error('error: either --log with --baseline, or --evidence with --context');
  }
  if (evidence !== undefined && context !== undefined) {
    return appraiseEvidence(world, { evidence, context }, command);
  }
  if (ofEvidence !== undefined) {
    return command.error('error: --evidence needs --context, and the other way round');
  }
  if (log === undefined || baseline === undefined) {
    return command.error('error: --log needs --baseline, and the other way round');
  }
  return appraiseLog(world, { ...options, log, baseline }, command);
}
