/** A file that cannot be read as what it was given for. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile';
  readonly code: string;
  readonly field: string;
  /** Of the byte that it could not be. */
  readonly offset: number;
  /** Where one of several files was malformed: which. */
  readonly file: string | undefined;
  /** For people: the code in words, and what to do. */
  readonly said: { readonly title: string; readonly remedy: string };

  constructor(
    { code, field, offset }: Pick<MalformedFile, 'code' | 'field' | 'offset'>,
    said: MalformedFile['said'],
    cause: unknown,
    file?: string,
  ) {
    super(`${code}: ${field} at byte ${offset}`, { cause });
    this.file = file;
    this.code = code;
    this.field = field;
    this.offset = offset;
    this.said = said;
  }
}
