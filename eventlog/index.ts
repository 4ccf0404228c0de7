export {
  type CcEvent,
  type CcEventLog,
  parseCcEventLog,
  replayCcEventLog,
} from './cc-event-log.ts';
export { type CelLog, parseCelLog, replayCelLog } from './cel/cel-log.ts';
export {
  CEL_LIMITS,
  type CelContent,
  type CelLimits,
  type CelRecord,
  type CelRegister,
} from './cel/cel-record.ts';
export { EVENTLOG_CODES, type EventLogCode } from './codes.ts';
export { type DataCoverage, dataCoverage, digestCoversData } from './digest-covers-data.ts';
export {
  type CryptoAgileLog,
  encodeEventLog,
  type EventLog,
  type LegacyLog,
  type NewEventLog,
  parseEventLog,
} from './event-log.ts';
export { EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE, SHIM_LOCK } from './efi/guid.ts';
export { type DevicePath, type DevicePathNode, parseDevicePath } from './efi/device-path.ts';
export {
  type FirmwareBlob,
  type HandoffTables,
  parseFirmwareBlob,
  parseFirmwareBlob2,
  parseHandoffTables,
  parseHandoffTables2,
} from './efi/firmware-blob.ts';
export { type GptData, type GptPartition, parseGptData } from './efi/gpt.ts';
export { type ImageLoadEvent, parseImageLoadEvent } from './efi/image-load-event.ts';
export { type LoadOption, parseLoadOption } from './efi/load-option.ts';
export {
  parseSignature,
  parseSignatureLists,
  type Signature,
  type SignatureKind,
  type SignatureList,
} from './efi/signature-list.ts';
export { parseVariableData, type VariableData } from './efi/variable-data.ts';
export { EV_EVENT_TAG, EVENT_TYPE_NAMES, eventTypeName } from './event-types.ts';
export type { ImaCursor } from './ima/ima-cursor.ts';
export type { ImaDigest, ImaEntry, ImaListForm, ImaListFormat } from './ima/ima-entry.ts';
export { IMA_LIMITS, type ImaLimits } from './ima/ima-limits.ts';
export {
  entryAt,
  hasOwnDigest,
  imaEntries,
  type ImaListOptions,
  openImaList,
} from './ima/ima-list.ts';
export {
  findImaPrefix,
  IMA_PCR,
  type ImaPrefix,
  type ImaPrefixSearch,
  type ImaWalk,
} from './ima/ima-prefix.ts';
export { dataOf, ImaReplay, type ImaStyle } from './ima/ima-replay.ts';
export { type ImaSurvey, surveyImaList } from './ima/ima-survey.ts';
export { EVENTLOG_LIMITS, type EventLogLimits } from './limits.ts';
export { encodeEvent, type EventDigest, type LogEvent, type NewEvent } from './log-event.ts';
export type {
  EventMeaning,
  GptMeaning,
  ImageMeaning,
  Meaning,
  MeaningBasis,
  ProvedPart,
  SystemdMeaning,
  VariableMeaning,
} from './meaning/event-meaning.ts';
export { parseSipaEvents, type SipaEvent } from './meaning/sipa-event.ts';
export { nameOfMeaning } from './meaning/name-of-meaning.ts';
export { safeLine } from './meaning/safe-line.ts';
export { readMeaning } from './meaning/read-meaning.ts';
export {
  authenticodeDigest,
  authenticodeParts,
  digestOnceSigned,
} from './pe/authenticode-digest.ts';
export { type FileRange, parsePeImage, PE_LIMITS, type PeImage } from './pe/pe-image.ts';
export { readSbat, type SbatEntry } from './pe/sbat.ts';
export type { PeSection } from './pe/section-table.ts';
export {
  findSection,
  isUnifiedKernel,
  measuredSections,
  sectionBytes,
  type SectionMeasurement,
} from './pe/unified-kernel.ts';
export type { BankReplay } from './replay-bank.ts';
export { type IncompleteBank, type Replay, replayEventLog } from './replay.ts';
export {
  encodeSoftwareEvent,
  parseSoftwareEvent,
  SOFTWARE_VENDOR_INFO,
  type SoftwareEvent,
  SW_EVENT_ABSENT,
  SW_EVENT_COMMAND_LINE,
  SW_EVENT_FILE,
  SW_EVENT_TREE,
} from './software-event.ts';
export { type DeclaredAlgorithm, encodeSpecIdEvent, type SpecId } from './spec-id.ts';
export {
  findStartupLocality,
  type LocalityProblem,
  type StartupLocality,
} from './startup-locality.ts';
