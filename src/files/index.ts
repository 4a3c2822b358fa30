/** Containers and bytes: reading and writing model files. */
export {
  type FolderOptions,
  folderSiblings,
  type OutputPlace,
  openFile,
  openFolder,
  openPartialFiles,
  outputPlace,
  stageInFolder,
} from '#files-platform';
export { blobSiblings, blobSource } from './blob-source.web.ts';
export * from './bytes.ts';
export { eightBitLayout, eightBitNames } from './checkpoint/bitsandbytes-eight-bit.ts';
export { fourBitLayout } from './checkpoint/bitsandbytes-four-bit.ts';
export type * from './checkpoint/checkpoint-layout.ts';
export * from './checkpoint/float8-layouts.ts';
export * from './checkpoint/four-bit-state.ts';
export { closingOnError } from './closing-on-error.ts';
export { commitTogether } from './commit-together.ts';
export { concatenate } from './concatenate.ts';
export { type FileTensorSpec, fileTensor } from './file-tensor.ts';
export * from './gguf/gguf.ts';
export * from './gguf/layout-gguf.ts';
export { type GgufFile, type GgufVersion, openGguf } from './gguf/open-gguf.ts';
export { parseShardName, shardName, splitKeys } from './gguf/shard-names.ts';
export * from './gguf/split-gguf.ts';
export { type GgufTensorType, tensorTypeLabels, tensorTypeOf, tensorTypeRow } from './gguf/tensor-types.ts';
export { type WriteGgufOptions, writeGguf } from './gguf/write-gguf.ts';
export { openUrl, urlSiblings } from './http-source.web.ts';
export * from './imatrix/imatrix.ts';
export { readImatrix } from './imatrix/read-imatrix.ts';
export { writeImatrix } from './imatrix/write-imatrix.ts';
export { type Llama2cConfig, type Llama2cFile, openLlama2c } from './llama2c/open-llama2c.ts';
export { type Llama2cTokenizer, readLlama2cTokenizer } from './llama2c/read-llama2c-tokenizer.ts';
export { memoryFolder } from './memory-folder.ts';
export { memorySiblings, memorySource } from './memory-source.ts';
export { memoryTensor } from './memory-tensor.ts';
export { onnxTensorRanges, type TensorRange } from './onnx/tensor-ranges.ts';
export { openPacked, type PackedModel } from './packed/open-packed.ts';
export { type FileToPack, type PackedFiles, type PackedTensor, packFiles } from './packed/pack-files.ts';
export { PACKED_KEY, type PackedFile, type PackedPart } from './packed/packed-description.ts';
export * from './partial-files.ts';
export { loadQuantized, partsOf } from './quantized/load-quantized.ts';
export { readQuantizedEntries } from './quantized/read-entries.ts';
export { type StoredSizes, type StoredTensor, storeQuantized } from './quantized/store-quantized.ts';
export * from './quantized/tensor-entry.ts';
export { safeLocation } from './safe-location.ts';
export { openSafetensorsFolder, type SafetensorsFolderOptions } from './safetensors/open-folder.ts';
export { openSafetensors, type SafetensorsFile } from './safetensors/open-safetensors.ts';
export * from './safetensors/write-safetensors.ts';
export { type StagedModel, type Staging, stageInMemory } from './staging.ts';
export * from './stored-size.ts';
export * from './tensor-source.ts';
