/**
 * What would show a reviewer another text than the one that is parsed: control characters, what ends a line for
 * some and not for YAML (1.2, 5.4: a line feed, with or without a carriage return), changes of direction.
 */
export const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)/u;
