/** A certificate's text may hold anything; this ends in terminals and logs. At most `maxLength` UTF-16 units. */
export const lineOfText = (text: string, maxLength: number): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, maxLength);
