import { ParseError } from '@touchstone/tpm';

/** Who a package says it is: deb-control(5). Nothing of it is proved; the archive's owner signs elsewhere. */
export type DebControl = {
  readonly package: string;
  readonly version: string;
  /** Of the one source in Built-Using, where there is one: a signed image is built from an unsigned one. */
  readonly builtUsing: string | undefined;
};

const PACKAGE = /^[a-z0-9][a-z0-9+.-]{1,127}$/u;
const VERSION = /^[0-9][A-Za-z0-9.+:~-]{0,127}$/u;

/**
 * Reads the fields that are needed of a package's `control` file.
 *
 * @throws ParseError DEB_CONTROL
 */
export function parseDebControl(bytes: Uint8Array): DebControl {
  const fields = new Map<string, string>();
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ParseError('DEB_CONTROL', 'control', 0, 'not UTF-8');
  }
  let at = 0;
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/u.exec(line) ?? [];
    if (name !== undefined) {
      const key = name.toLowerCase();
      if (fields.has(key)) throw new ParseError('DEB_CONTROL', name, at, 'twice');
      fields.set(key, value);
    } else if (!/^[ \t]/u.test(line) && line !== '') {
      throw new ParseError('DEB_CONTROL', 'control', at, 'no field');
    }
    at += Buffer.byteLength(line) + 1;
  }
  const required = (name: string, form: RegExp): string => {
    const value = fields.get(name.toLowerCase()) ?? '';
    if (!form.test(value)) throw new ParseError('DEB_CONTROL', name, 0);
    return value;
  };
  const [, builtUsing] = /^[^ ,]+ \(= ([^) ]+)\)$/u.exec(fields.get('built-using') ?? '') ?? [];
  return {
    package: required('Package', PACKAGE),
    version: required('Version', VERSION),
    builtUsing: builtUsing !== undefined && VERSION.test(builtUsing) ? builtUsing : undefined,
  };
}
