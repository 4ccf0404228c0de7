// Spelled and valued as in the TPM 2.0 Library, Part 2 "Structures", and the TCG Algorithm Registry.

/** Part 2, 6.2. In wire order these four bytes are ff 54 43 47. */
export const TPM_GENERATED_VALUE = 0xff544347;

// TPM_ALG_ID: Algorithm Registry, table 3.
export const TPM_ALG_RSA = 0x0001;
export const TPM_ALG_SHA1 = 0x0004;
export const TPM_ALG_HMAC = 0x0005;
export const TPM_ALG_AES = 0x0006;
export const TPM_ALG_KEYEDHASH = 0x0008;
export const TPM_ALG_XOR = 0x000a;
export const TPM_ALG_SHA256 = 0x000b;
export const TPM_ALG_SHA384 = 0x000c;
export const TPM_ALG_SHA512 = 0x000d;
export const TPM_ALG_NULL = 0x0010;
export const TPM_ALG_SM3_256 = 0x0012;
export const TPM_ALG_SM4 = 0x0013;
export const TPM_ALG_RSASSA = 0x0014;
export const TPM_ALG_RSAES = 0x0015;
export const TPM_ALG_RSAPSS = 0x0016;
export const TPM_ALG_OAEP = 0x0017;
export const TPM_ALG_ECDSA = 0x0018;
export const TPM_ALG_ECDH = 0x0019;
export const TPM_ALG_ECDAA = 0x001a;
export const TPM_ALG_SM2 = 0x001b;
export const TPM_ALG_ECSCHNORR = 0x001c;
export const TPM_ALG_ECMQV = 0x001d;
export const TPM_ALG_KDF1_SP800_56A = 0x0020;
export const TPM_ALG_KDF2 = 0x0021;
export const TPM_ALG_KDF1_SP800_108 = 0x0022;
export const TPM_ALG_ECC = 0x0023;
export const TPM_ALG_SYMCIPHER = 0x0025;
export const TPM_ALG_CAMELLIA = 0x0026;
export const TPM_ALG_CTR = 0x0040;
export const TPM_ALG_OFB = 0x0041;
export const TPM_ALG_CBC = 0x0042;
export const TPM_ALG_CFB = 0x0043;
export const TPM_ALG_ECB = 0x0044;

// TPM_ECC_CURVE: Algorithm Registry, table 4.
export const TPM_ECC_NIST_P256 = 0x0003;
export const TPM_ECC_NIST_P384 = 0x0004;
export const TPM_ECC_NIST_P521 = 0x0005;

// TPM_ST: Part 2, 6.9.
export const TPM_ST_RSP_COMMAND = 0x00c4;
export const TPM_ST_NO_SESSIONS = 0x8001;
export const TPM_ST_SESSIONS = 0x8002;
export const TPM_ST_ATTEST_NV = 0x8014;
export const TPM_ST_ATTEST_COMMAND_AUDIT = 0x8015;
export const TPM_ST_ATTEST_SESSION_AUDIT = 0x8016;
export const TPM_ST_ATTEST_CERTIFY = 0x8017;
export const TPM_ST_ATTEST_QUOTE = 0x8018;
export const TPM_ST_ATTEST_TIME = 0x8019;
export const TPM_ST_ATTEST_CREATION = 0x801a;
export const TPM_ST_ATTEST_NV_DIGEST = 0x801c;
export const TPM_ST_CREATION = 0x8021;
export const TPM_ST_HASHCHECK = 0x8024;

// TPM_RH: Part 2, 7.4.
export const TPM_RH_OWNER = 0x40000001;
export const TPM_RH_NULL = 0x40000007;
export const TPM_RH_ENDORSEMENT = 0x4000000b;
export const TPM_RH_PLATFORM = 0x4000000c;

/** TPMA_OBJECT, bit masks: Part 2, 8.3. */
export const TPMA_OBJECT = {
  fixedTPM: 1 << 1,
  stClear: 1 << 2,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  firmwareLimited: 1 << 8,
  svnLimited: 1 << 9,
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
  x509sign: 1 << 19,
} as const;

/** Every other bit of TPMA_OBJECT is reserved and must be clear. */
export const TPMA_OBJECT_DEFINED = Object.values(TPMA_OBJECT).reduce((mask, bit) => mask | bit, 0);
