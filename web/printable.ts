// Controls (C0 without tab and newline, DEL, C1), line separators, and what turns the direction of writing.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text that can only be read: what is taken out leaves a mark. */
const printable = (text: string): string => text.toWellFormed().replaceAll(UNSAFE, '\ufffd');

/**
 * An answer of the server's, every string in it printable. It is text from hosts; as markup it is never
 * taken, for nothing here makes any.
 */
export const parsePrintable = (json: string): unknown =>
  JSON.parse(json, (_key, value: unknown) =>
    typeof value === 'string' ? printable(value) : value,
  );
