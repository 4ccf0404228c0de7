// Is this host, now, the one that the server called trusted? One page, and nothing but Node: docs/programs.md.
//   node verify-proof.mjs --keys KEYS --result RESULT --proof PROOF --nonce HEX
// KEYS: the server's trust bundle, or a JWKS of its result keys. RESULT and PROOF: what the program was answered.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const SKEW_SECONDS = 60;
/** Type, SHA-256, attributes (restricted, fixed to its TPM), no policy, how it signs; then the sizes of the key's parts. */
const AK_TEMPLATES = {
  '0023000b00050472000000100018000b00030010': [-2, -2], // ECDSA, P-256
  '0001000b00050472000000100014000b080000000000': [-2], // RSASSA, 2048 bits, the usual exponent
  '0001000b00050472000000100014000b080000010001': [-2], // the same, spelt out
};
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
const bytesOf = (text, encoding = 'base64url') => Buffer.from(text, encoding);
const must = (holds, code) => {
  if (!holds) throw new Error(code);
};
const isThis = (path) => pathToFileURL(path).href === import.meta.url;
const isSigned = (data, jwk, signature) => {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature);
};

/** Big-endian fields to the last byte, in hex: of n bytes, or where n is negative behind their length in -n bytes. */
function fields(bytes, ...sizes) {
  let at = 0;
  const take = (size) => {
    must(at + size <= bytes.length, 'TRUNCATED');
    return bytes.toString('hex', at, (at += size));
  };
  const read = sizes.map((size) => take(size < 0 ? parseInt(take(-size), 16) : size));
  must(at === bytes.length, 'TRAILING_BYTES');
  return read;
}

/** The server's word, signed by a result key, and in force. */
function claimsOf(result, { keys, issuer }, now) {
  const [head, body, signature, more] = result.trim().split('.');
  must(signature !== undefined && more === undefined, 'RESULT_MALFORMED');
  const { alg, kid, typ } = JSON.parse(bytesOf(head));
  const jwks = keys.flatMap((key) => (key.jwk ? (key.use === 'result' ? [key.jwk] : []) : [key]));
  const [jwk, ...others] = jwks.filter((key) => key.kid === kid);
  must(jwk && others.length === 0 && alg === 'ES256', 'RESULT_KEY_UNKNOWN');
  must(typ === 'touchstone-result+jwt', 'RESULT_KEY_UNKNOWN');
  must(isSigned(bytesOf(`${head}.${body}`, 'utf8'), jwk, bytesOf(signature)), 'RESULT_SIGNATURE');
  const { iss, iat, exp, sub: hostId, submods } = JSON.parse(bytesOf(body));
  must(issuer === undefined || iss === issuer, 'RESULT_ISSUER');
  must(iat <= now + SKEW_SECONDS && now < exp, 'RESULT_NOT_IN_FORCE');
  must(submods.host['touchstone.state'] === 'trusted', 'HOST_NOT_TRUSTED');
  must(submods.host['ear.status'] === 'affirming', 'HOST_NOT_TRUSTED');
  return { hostId, ...submods.host };
}

/** TPM2B_PUBLIC of an AK as the server takes them: its Name, and how it signs. Part 2, 12.2.5. */
function attestationKey(tpm2bPublic) {
  const [area] = fields(tpm2bPublic, -2);
  const template = Object.keys(AK_TEMPLATES).find((start) => area.startsWith(start));
  must(template !== undefined, 'AK_TEMPLATE');
  const parts = AK_TEMPLATES[template];
  const [, ...unique] = fields(bytesOf(area, 'hex'), template.length / 2, ...parts);
  const [x, y] = unique.map((part) => bytesOf(part, 'hex').toString('base64url'));
  const rsa = parts.length === 1;
  const jwk = rsa ? { kty: 'RSA', e: 'AQAB', n: x } : { kty: 'EC', crv: 'P-256', x, y };
  return {
    name: `000b${sha256(bytesOf(area, 'hex'))}`,
    scheme: template.slice(24, 32),
    parts,
    jwk,
  };
}

/** TPMS_ATTEST of a quote, the AK's by its TPMT_SIGNATURE. Part 2, 10.12.12 and 11.3.4. */
function quoteOf({ attest, signature }, { scheme, parts, jwk }) {
  const [how, ...values] = fields(bytesOf(signature), 4, ...parts);
  const value = values.map((part) => part.padStart(64, '0')).join('');
  must(how === scheme && (jwk.kty === 'RSA' || value.length === 128), 'QUOTE_SCHEME');
  must(isSigned(bytesOf(attest), jwk, bytesOf(value, 'hex')), 'QUOTE_SIGNATURE');
  const read = fields(bytesOf(attest), 6, -2, -2, 8, 4, 4, 9, 6, -1, -2);
  const [type, , extraData, clock, resetCount, restartCount, , banks, bits, pcrDigest] = read;
  must(type === 'ff5443478018', 'NOT_A_QUOTE');
  must(banks === '00000001000b', 'QUOTE_SELECTION');
  const mask = bytesOf(bits, 'hex');
  const all = [...Array(8 * mask.length).keys()];
  const selected = all.filter((pcr) => mask[pcr >> 3] & (1 << (pcr & 7)));
  return { extraData, clock, boot: resetCount + restartCount, selected, pcrDigest };
}

/**
 * Proves: a TPM key that the server judged signed a quote over a statement with this nonce, in the boot that the
 * server judged, and the server's word is in force. `now` in seconds since 1970. It throws what does not hold.
 */
export function verifyProof({ keys, result, proof, nonce }, now = Date.now() / 1_000) {
  must(/^([0-9a-f]{2}){16,64}$/u.test(nonce), 'NONCE_MALFORMED');
  const host = claimsOf(result, keys, now);
  const ak = attestationKey(bytesOf(proof.akPublic));
  must(ak.name === host['touchstone.ak-name'], 'OTHER_AK');
  const { extraData, clock, boot, selected, pcrDigest } = quoteOf(proof.evidence.quote, ak);

  const bytes = bytesOf(proof.evidence.statement);
  const domain = bytesOf('touchstone/prove/1\0\0\0', 'latin1'); // no challenge: its length is u16 0
  must(extraData === sha256(domain, bytesOf(sha256(bytes), 'hex')), 'OTHER_STATEMENT');
  const statement = JSON.parse(bytes);
  must(statement.purpose === 'prove' && statement.challenge === '', 'WRONG_PURPOSE');
  must(statement.nonce === nonce, 'OTHER_NONCE');
  must(statement.hostId === host.hostId && statement.akName === ak.name, 'OTHER_HOST');

  const { sha256: pcrs } = proof.evidence.pcrs;
  must(selected.length > 0 && Object.keys(pcrs).join() === selected.join(), 'QUOTE_SELECTION');
  must(!selected.some((pcr) => !/^[0-9a-f]{64}$/u.test(pcrs[pcr])), 'QUOTE_SELECTION');
  const values = selected.map((pcr) => bytesOf(pcrs[pcr], 'hex'));
  must(sha256(...values) === pcrDigest, 'PCR_DIGEST');

  const judged = host['touchstone.boot'];
  const u32 = (count) => count.toString(16).padStart(8, '0');
  must(u32(judged.resetCount) + u32(judged.restartCount) === boot, 'OTHER_BOOT');
  must(BigInt(judged.clock) < BigInt(`0x${clock}`), 'OTHER_BOOT');
  return { hostId: host.hostId, class: host['touchstone.class'], pcrs };
}

// As Node was given it, or where that leads: by a link, too, silence must be no yes.
const [, program = ''] = process.argv;
if (existsSync(program) && [program, realpathSync(program)].some(isThis)) {
  const option = { type: 'string' };
  const options = { keys: option, result: option, proof: option, nonce: option };
  try {
    const { values } = parseArgs({ options });
    const read = (name) => JSON.parse(readFileSync(values[name] ?? '', 'utf8'));
    const given = { keys: read('keys'), result: read('result').result, proof: read('proof') };
    console.log(JSON.stringify(verifyProof({ ...given, nonce: values.nonce ?? '' })));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
