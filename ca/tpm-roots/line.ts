/** A certificate's text may hold anything; this ends in terminals and logs. */
export const lineOf = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, 512);
