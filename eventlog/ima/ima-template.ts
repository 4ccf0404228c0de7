import { ParseError } from '@touchstone/tpm';

/** The fields that a template is made of: Linux, security/integrity/ima/ima_template.c, supported_fields. */
const FIELDS = {
  d: 'digest',
  'd-ng': 'digest',
  'd-ngv2': 'digest',
  'd-type': 'text',
  n: 'text',
  'n-ng': 'text',
  sig: 'bytes',
  buf: 'bytes',
  'd-modsig': 'digest',
  modsig: 'bytes',
  evmsig: 'bytes',
  iuid: 'number',
  igid: 'number',
  imode: 'number',
  xattrnames: 'text',
  xattrlengths: 'bytes',
  xattrvalues: 'bytes',
} as const;

export type ImaFieldId = keyof typeof FIELDS;

export type ImaFieldKind = (typeof FIELDS)[ImaFieldId];

/** The same file, builtin_templates. */
const BUILT_IN: Readonly<Record<string, string>> = {
  ima: 'd|n',
  'ima-ng': 'd-ng|n-ng',
  'ima-sig': 'd-ng|n-ng|sig',
  'ima-ngv2': 'd-ngv2|n-ng',
  'ima-sigv2': 'd-ngv2|n-ng|sig',
  'ima-buf': 'd-ng|n-ng|buf',
  'ima-modsig': 'd-ng|n-ng|sig|d-modsig|modsig',
  'evm-sig': 'd-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode',
};

/** TEMPLATE_NUM_FIELDS_MAX is 15; a name is at most so long in either list. */
export const MAX_FIELDS = 15;
export const MAX_TEMPLATE_NAME = 255;

export type ImaTemplate = {
  /** As the list has it. */
  readonly name: string;
  readonly fields: readonly ImaFieldId[];
  readonly kinds: readonly ImaFieldKind[];
  /** `ima` itself: fields without lengths, and a padded name under the hash. */
  readonly legacy: boolean;
  /** Places in `fields`, -1 where there is none. */
  readonly digest: number;
  readonly path: number;
  readonly signature: number;
  readonly buffer: number;
  readonly modsigDigest: number;
  readonly modsig: number;
};

const known = new Map<string, ImaTemplate>(
  Object.keys(BUILT_IN).map((name) => [name, templateOf(name)]),
);

/**
 * A built-in template by its name, any other by its fields, as a kernel without a name for it writes it.
 * Throws ParseError IMA_TEMPLATE.
 */
export function readTemplate(name: string, field: string, offset: number): ImaTemplate {
  const found = known.get(name);
  if (found !== undefined) return found;
  const ids = name.split('|');
  const sound =
    name.length <= MAX_TEMPLATE_NAME && ids.length <= MAX_FIELDS && ids.every(isFieldId);
  if (!sound || new Set(ids).size !== ids.length) {
    throw new ParseError('IMA_TEMPLATE', field, offset, JSON.stringify(name.slice(0, 64)));
  }
  return templateOf(name);
}

function templateOf(name: string): ImaTemplate {
  const fields = (BUILT_IN[name] ?? name).split('|').filter(isFieldId);
  const first = (...ids: readonly ImaFieldId[]) => fields.findIndex((id) => ids.includes(id));
  return {
    name,
    fields,
    kinds: fields.map((id) => FIELDS[id]),
    legacy: name === 'ima',
    digest: first('d', 'd-ng', 'd-ngv2'),
    path: first('n', 'n-ng'),
    signature: first('sig'),
    buffer: first('buf'),
    modsigDigest: first('d-modsig'),
    modsig: first('modsig'),
  };
}

function isFieldId(id: string): id is ImaFieldId {
  return Object.hasOwn(FIELDS, id);
}
