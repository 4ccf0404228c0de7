import type { HostDetail } from '@touchstone/schemas';
import { ago } from './age.ts';
import { bootStateFields } from './boot-state.ts';
import { fields } from './fields.ts';
import { reasonLine, type TitleOf } from './reason-titles.ts';
import { classOf, classText, labelsText, stateSpan } from './state.ts';
import { caution, type Line, strong } from './text.ts';

export function hostDetailLines(
  detail: HostDetail,
  { now, width, titleOf }: { now: Date; width: number; titleOf: TitleOf },
): Line[] {
  const { host, admissibleClasses, approvedAkName, ekRef, pinned, enrolledAt, boot, bootState } =
    detail;
  const approved = approvedAkName === null ? 'nobody has approved it yet' : approvedAkName;
  const sameKey = approvedAkName === host.akName;
  return [
    strong(host.name),
    ...fields(
      [
        ['state', stateSpan(host.state)],
        ['beneath', host.state === host.stateBeneath ? undefined : stateSpan(host.stateBeneath)],
        ['reason', host.reason && reasonLine(host.reason.code, host.reason.subject, titleOf)],
        ['since', `${host.since} (${ago(host.since, now)})`],
        ['class', pinned ? `${classOf(host)}, because an operator pinned it` : classOf(host)],
        [
          'classes',
          `${admissibleClasses.map((each) => classText(each)).join(', ') || 'none'} admitted`,
        ],
        ['labels', labelsText(host.labels)],
        ['AK Name', host.akName],
        ['approved', sameKey ? 'this AK Name' : caution(approved)],
        ['EK', `${ekRef} (reference)`],
        ['verdict', host.verdict ?? 'none yet'],
        ['evidence', host.lastAuthenticAt === null ? 'none yet' : ago(host.lastAuthenticAt, now)],
        [
          'boot',
          boot === null ? undefined : `reset ${boot.resetCount}, restart ${boot.restartCount}`,
        ],
        ...bootStateFields(bootState, host.class),
        ['enrolled', enrolledAt],
        ['id', host.id],
      ],
      { indent: 2, width },
    ),
  ];
}
