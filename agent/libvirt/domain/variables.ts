import { stat } from 'node:fs/promises';
import { agentError } from '../../codes.ts';
import { attributeOf, elementOf, textOf, type XmlElement } from './xml.ts';

/**
 * The file of the firmware's variables, where it is not there, is made by libvirt once the hook has ended: from the
 * template that the domain names, which is read as an image is, or else from one that libvirt chooses. The second is
 * no start: what the variables begin with would be the choice of the host's configuration.
 * @throws AppError DEFINITION_UNCOVERED, DEFINITION_UNREADABLE
 */
export async function requireVariables(domain: XmlElement): Promise<void> {
  const nvram = elementOf(elementOf(domain, 'os'), 'nvram');
  if (nvram === null || (attributeOf(nvram, 'template') ?? '') !== '') return;
  const path = attributeOf(elementOf(nvram, 'source'), 'file') ?? textOf(nvram);
  // A volume, or a disk of the host's: counts by its words, and libvirt makes none of those.
  if (!path.startsWith('/')) return;
  const missing = await stat(path).then(
    () => null,
    (cause: NodeJS.ErrnoException) => cause,
  );
  if (missing === null) return;
  if (missing.code !== 'ENOENT') {
    const detail = `os/nvram: ${path}: ${missing.message}`;
    throw agentError('DEFINITION_UNREADABLE', { status: 422, detail, cause: missing });
  }
  const why = `${path} is not there, and libvirt would make it from a template that it chooses`;
  const detail = `os/nvram: ${why}; name it: <nvram template="...">`;
  throw agentError('DEFINITION_UNCOVERED', { status: 422, detail });
}
