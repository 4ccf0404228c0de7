import { DomainEvent, type DomainEventAnswer, DomainStart } from '@touchstone/schemas';
import { AppError, readJson, type Route } from '@touchstone/transport';
import type { Logger } from 'pino';
import type { StartGate } from '../gate/starts.ts';
import type { FileReader } from '../images/file-reader.ts';
import { startOfDomain } from '../libvirt/domain/asked.ts';
import { readDomain } from '../libvirt/domain/describe.ts';
import { PermittedDomains } from '../libvirt/domain/permitted-domains.ts';

/** A domain's XML of 1 MiB, each character escaped. */
const DOMAIN_MAX_BYTES = 8_388_608;

/** What libvirt's hook asks and tells. */
export function domainRoutes(options: {
  readonly gate: StartGate;
  readonly reader: FileReader;
  readonly log: Logger;
}): Route {
  const { gate, reader, log } = options;
  const permitted = new PermittedDomains();
  return async (ctx, next) => {
    if (ctx.path !== '/v1/domains/starts' && ctx.path !== '/v1/domains/events') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    if (ctx.path === '/v1/domains/starts') {
      const { domain: xml } = await readJson(ctx, DomainStart, { maxBytes: DOMAIN_MAX_BYTES });
      const domain = readDomain(xml);
      const asked = startOfDomain(domain, reader);
      const { answer } = await gate.decide(asked);
      const definition = asked.described();
      if (answer.decision === 'permitted' && definition !== null) {
        permitted.keep(domain.vm, definition);
        const { requestId, vm } = answer;
        for (const finding of definition.warnings)
          log.warn({ requestId, vm, finding }, finding.subject);
      }
      ctx.body = answer;
      return undefined;
    }
    const { domain, verb } = await readJson(ctx, DomainEvent, { maxBytes: DOMAIN_MAX_BYTES });
    const finding = verb === 'started begin' ? await permitted.check(readDomain(domain)) : null;
    ctx.body = (
      finding === null
        ? { outcome: 'noted' }
        : { outcome: 'refused', line: `${finding.code}: ${finding.subject}. ${finding.remedy}` }
    ) satisfies DomainEventAnswer;
    return undefined;
  };
}
