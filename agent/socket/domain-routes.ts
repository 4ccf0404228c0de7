import { DomainEvent, DomainStart, type StartAnswer } from '@touchstone/schemas';
import { AppError, readJson, type Route } from '@touchstone/transport';
import type { LibvirtDoor } from '../libvirt/door.ts';
import { refusalLine } from '../libvirt/refusal-line.ts';

/** A domain's XML as JSON has it. */
const MAX_BYTES = 8_388_608;

/** What libvirt's hook asks and tells. It wants text, which it can tell a yes by without reading JSON. */
export const domainRoutes =
  (door: LibvirtDoor): Route =>
  async (ctx, next) => {
    if (ctx.path !== '/v1/domains/starts' && ctx.path !== '/v1/domains/events') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const wantsText = ctx.get('accept') === 'text/plain';
    if (ctx.path === '/v1/domains/starts') {
      const answer = await door.start(await readJson(ctx, DomainStart, { maxBytes: MAX_BYTES }));
      ctx.body = wantsText ? startText(answer) : answer;
      return undefined;
    }
    const event = await readJson(ctx, DomainEvent, { maxBytes: MAX_BYTES });
    const answer = await door.event(event, () => ctx.req.socket.writable);
    ctx.body = wantsText ? `${[answer.outcome, answer.line].filter(Boolean).join(' ')}\n` : answer;
    return undefined;
  };

const startText = (answer: StartAnswer): string =>
  answer.decision === 'permitted'
    ? `permitted ${answer.vm}\n`
    : `refused ${refusalLine(answer.requestId, answer.code, answer.findings)}\n`;
