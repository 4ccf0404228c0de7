import { EK_TEMPLATE_RSA2048, encodeTpm2bPublic, TPMA_OBJECT } from '@touchstone/tpm';

/** TPM2B_PUBLIC of a storage key with the EK's algorithms: whoever has the TPM can make any number of them. */
export const STORAGE_KEY = encodeTpm2bPublic({
  ...EK_TEMPLATE_RSA2048,
  objectAttributes:
    (EK_TEMPLATE_RSA2048.objectAttributes & ~TPMA_OBJECT.adminWithPolicy) |
    TPMA_OBJECT.userWithAuth |
    TPMA_OBJECT.noDA,
  authPolicy: new Uint8Array(),
});
