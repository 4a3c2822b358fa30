import { nearest } from './nearest.ts';

/**
 * The closed set of errors. An error is data: a code and typed details. Its text is made here, in one
 * table, and always says what, where, got against wanted, and what to do. Anything else that is thrown
 * is a bug in lowbit.
 *
 * To add one: a line in `ErrorDetails`, a row in `messages`, a test that holds the full text.
 */

/** The details of each error, by its code. */
export interface ErrorDetails {
  'architecture/unknown': { got: string; nearest?: string; known: readonly string[] };
  'architecture/unsupported': {
    architecture: string;
    key: string;
    got: string;
    graph: string;
    wanted: string;
  };
  'calibration/empty': { value: string };
  'calibration/no-samples': { dataset: string };
  'calibration/not-finite': { value: string; node: string; got: string };
  'calibration/unknown-value': { value: string };
  'checkpoint/bitsandbytes': { file: string; tensor: string; what: string };
  'checkpoint/config': { file: string; key?: string; got: string; wanted: string };
  'checkpoint/missing': { folder: string; files?: readonly string[] };
  'checkpoint/quantized': { method: string; known: readonly string[] };
  'checkpoint/scale-shape': {
    file: string;
    tensor: string;
    shape: readonly number[];
    scale: string;
    got: readonly number[];
  };
  'checkpoint/tensor-missing': { tensor: string; family: string; makes: string; near?: string };
  'checkpoint/tensor-shape': {
    file: string;
    tensor: string;
    got: readonly number[];
    wanted: readonly number[];
  };
  'checkpoint/tensor-type': { tensor: string; got: string; like?: { tensor: string; type: string } };
  'checkpoint/tensor-unexpected': { tensors: readonly string[]; more: number; family: string };
  'checkpoint/verify': { file: string; tensor: string; what: string };
  'command/unknown': { got: string; nearest?: string; known: readonly string[] };
  'compare/text-model': { model: string; usage: string };
  'compare/too-few': { got: number };
  'compute/thread-lost': { why: string };
  'data/class-folder': { folder: string; data: string };
  'data/count-mismatch': { first: string; firstCount: number; other: string; otherCount: number };
  'data/dtype': { input: string; file: string; got: string; wanted: string };
  'data/empty': { path: string };
  'data/image': { file: string; why: string };
  'data/input-missing': { input: string; known: readonly string[]; data: string };
  'data/input-unknown': { input: string; known: readonly string[]; data: string };
  'data/label-range': { file: string; index: number; label: number; classes: number };
  'data/malformed': { file: string; what: string };
  'data/missing': { path: string };
  'data/needs': { file: string; what: string };
  'data/not-guessed': { path: string; why: string };
  'data/not-whole': { file: string; sizeBytes: number; rowBytes: number; row: string };
  'data/parts-differ': { first: string; other: string };
  'data/shape': { input: string; file: string; got: string; wanted: string };
  'data/spec-invalid': { where: string; problems: readonly string[] };
  'data/too-large': { file: string; what: string; got: number; limit: number };
  'data/truncated': { file: string; got: number; wanted: number };
  'data/unsafe-location': { spec: string; location: string };
  'entropy/stream': { name: string; what: string };
  'evaluation/empty': { data: string };
  'evaluation/label-range': { sample: number; label: number; classes: number; output: string };
  'evaluation/metric-task': { metric: string; got: string; wanted: string };
  'evaluation/no-labels': { task: string; wanted: string };
  'evaluation/not-finite': { model: string; output: string; sample: number; value: string };
  'evaluation/output-shape': { output: string; task: string; got: string; wanted: string };
  'file/busy': { path: string; process: number; journal: string };
  'evaluation/short-text': { model: string; tokens: number; context: number };
  'evaluation/text-file': { data: string };
  'evaluation/text-model': { model: string };
  'file/disk-full': { path: string };
  'file/exists': { path: string };
  'file/failed': { path: string; act: 'read' | 'written'; message: string };
  'file/folder-missing': { path: string };
  'file/http': { url: string; why: string };
  'file/is-source': { path: string };
  'file/missing': { path: string };
  'file/no-access': { path: string; act: 'read' | 'written' };
  'file/no-folders': { path: string };
  'file/not-a-file': { path: string };
  'file/not-a-folder': { path: string };
  'file/not-json': { path: string };
  'file/out-of-range': { file: string; offset: number; length: number; size: number };
  'file/several-outputs': { path: string };
  'file/unsafe-location': { location: string; file: string; why: string };
  'flag/missing': { command: string; what: string; usage: string };
  'flag/unknown': { command: string; got: string; nearest?: string };
  'flag/value': { flag: string; got: string; wanted: string };
  'format/too-many-levels': { format: string; bits: number };
  'ggml/layer': { name: string; layers: number };
  'ggml/needs-importance': { type: string };
  'ggml/row-length': { type: string; rowLength: number; block: number };
  'gguf/malformed': { file: string; offset: number; what: string };
  'gguf/needs-imatrix': { target: string; tensor: string; type: string; count: number; given: string };
  'gguf/no-model': { file: string; what: string; advice: string };
  'gguf/not-gguf': { file: string; why: string };
  'gguf/not-writable': { what: string; why: string };
  'gguf/split': { file: string; what: string };
  'gguf/tensor': { file: string; tensor: string; what: string };
  'gguf/tensor-type': { file: string; tensor: string; got: number; why: string; known: readonly string[] };
  'gguf/too-large': { file: string; what: string; got: number; limit: number };
  'gguf/truncated': { file: string; what: string; needed: number; size: number };
  'gguf/verify': { file: string; what: string };
  'gguf/version': { file: string; got: number; why: string };
  'graph/attribute-type': { node: string; attribute: string; got: string; wanted: string };
  'graph/cycle': { graph: string; node: string };
  'graph/duplicate-value': { value: string; node: string };
  'graph/function-growth': { function: string; limit: number };
  'graph/not-lowered': { node: string; operator: string; why: string };
  'graph/opset-change': { node: string; from: number; to: number; why: string };
  'graph/opset-range': { opset: number; target: number; known: [number, number] };
  'graph/recursive-function': { function: string };
  'imatrix/malformed': { file: string; what: string };
  'imatrix/not-finite': { file: string; tensor: string; index: number; value: string };
  'imatrix/size': { file: string; tensor: string; got: number; wanted: number };
  'imatrix/truncated': { file: string; what: string; needed: number; size: number };
  'limit/bare-number': { text: string };
  'limit/malformed': { text: string };
  'limit/no-baseline': { text: string };
  'limit/rate-range': { text: string; value: number };
  'limit/no-data': { text: string };
  'limit/no-metric': { text: string; metric: string; known: readonly string[] };
  'llama2c/malformed': { file: string; what: string };
  'lowering/form': { format: string; form: string };
  'lowering/opset': { got: number; wanted: number; what: string };
  'lowering/range-missing': { value: string };
  'name/unknown': {
    what: string;
    got: string;
    known: readonly string[];
    meant?: readonly string[];
    /** What it is called here. */
    called?: string;
    /** The command that lists so many names that a message should not. */
    list?: string;
  };
  'numerics/axis': { axis: number; dims: number[] };
  'numerics/beyond-range': { name: string; index: number; value: string; type: string };
  'numerics/composite': { name: string; what: string };
  'numerics/fixed-block': { format: string; block: number; granularity: string };
  'numerics/group-size': { size: number };
  'numerics/not-finite': { name: string; index: number; value: string };
  'numerics/not-real': { dtype: string };
  'numerics/rounding': { format: string; rounding: string };
  'numerics/value-count': { name: string; dims: number[]; got: number; wanted: number };
  'onnx/attribute': { file: string; node: string; attribute: string; what: string };
  'onnx/data-type': { file: string; where: string; got: number };
  'onnx/dims': { file: string; tensor: string; dims: string; what: string };
  'onnx/duplicate-initializer': { file: string; graph: string; tensor: string };
  'onnx/external-data': { file: string; tensor: string; location: string; what: string };
  'onnx/invalid': { file: string; what: string };
  'onnx/malformed': { file: string; offset: number; what: string };
  'onnx/not-onnx': { file: string; why: string };
  'onnx/tensor-size': {
    file: string;
    tensor: string;
    dtype: string;
    dims: number[];
    got: number;
    wanted: number;
  };
  'onnx/too-deep': { file: string; limit: number };
  'onnx/too-large': { name: string; sizeBytes: number; limit: number };
  'onnx/too-many': { file: string; what: string; limit: number };
  'onnx/truncated': { file: string; offset: number; needed: number; size: number };
  'onnx/undefined-value': { file: string; graph: string; value: string; reader: string };
  'onnx/version': { file: string; what: string; got: string; wanted: string };
  'packed/malformed': { file: string; what: string };
  'packed/no-model': { file: string };
  'packed/version': { file: string; got: string; known: number };
  'quantized/damaged': { file: string; tensor: string; part: string };
  'quantized/not-writable': { tensor: string; why: string };
  'quantized/tensor': { file: string; tensor: string; what: string };
  'quantized/version': { file: string; got: string; known: number };
  'recipe/invalid': { problems: readonly string[] };
  'recipe/needs-calibration': { preset: string };
  'recipe/no-transformers-name': { preset: string; known: readonly string[] };
  'recipe/nothing-to-quantize': { preset: string; why: string };
  'recipe/pattern-unmatched': {
    key: string;
    pattern: string;
    operators: readonly string[];
    layers: readonly string[];
    more: number;
  };
  'recipe/same-file': { first: string; second: string; file: string };
  'recipe/tensor-unmatched': { key: string; pattern: string; tensors: readonly string[]; more: number };
  'run/aborted': { kept?: string };
  'runtime/config-key': { key: string };
  'runtime/input-mismatch': { model: string; input: string; got: string; wanted: string };
  'runtime/llama-load': { file: string; why: string };
  'runtime/load-failed': { model: string; runtime: string; message: string };
  'runtime/memory-failed': { runtime: string; message: string };
  'runtime/native-only': { what: string; runtime: string };
  'runtime/no-llama': Record<string, never>;
  'runtime/not-built': { path: string };
  'runtime/peer-missing': { peer: string; what: string };
  'runtime/port-type': { model: string; port?: string; dtype: string };
  'runtime/run-failed': { model: string; runtime: string; message: string };
  'runtime/unavailable': { runtime: string; why: string };
  'runtime/worker-lost': { runtime: string; why: string };
  'safetensors/dtype': { file: string; tensor: string; got: string; known: readonly string[] };
  'safetensors/index': { file: string; what: string };
  'safetensors/malformed': { file: string; what: string };
  'safetensors/missing': { names: readonly string[] };
  'safetensors/not-safetensors': { file: string; why: string };
  'safetensors/not-writable': { tensor: string; why: string };
  'safetensors/pickle': { file: string };
  'safetensors/tensor': { file: string; tensor: string; what: string };
  'safetensors/too-large': { file: string; what: string; got: number; limit: number };
  'safetensors/truncated': { file: string; what: string; needed: number; size: number };
  'scheme/text': { text: string; what: string };
  'tensor/byte-length': { dtype: string; dims: number[]; got: number; wanted: number };
  'tensor/rows': { tensor: string; from: number; to: number; rows: number };
  'tensor/unknown': { name: string; near: string | undefined; known: readonly string[]; count: number };
  'tensor/stored-length': { tensor: string; type: string; dims: number[]; got: number; wanted: number };
  'vocabulary/id-twice': { file: string; id: number; first: string; second: string };
  'vocabulary/larger-than-embedding': { file: string; token: string; id: number; size: number };
  'vocabulary/malformed': { file: string; what: string };
  'vocabulary/merge': { file: string; index: number; merge: string; why: string };
  'vocabulary/missing': { looked: readonly string[] };
  'vocabulary/no-bytes': { file: string; count: number; first: string };
  'vocabulary/token-twice': { file: string; token: string; first: number; second: number };
  'vocabulary/too-large': { file: string; what: string; got: number; limit: number };
  'vocabulary/unknown-model': { file: string; got: string; known: readonly string[] };
  'vocabulary/unknown-normalizer': { file: string; got: readonly string[]; known: readonly string[] };
  'vocabulary/unknown-pre-tokenizer': { file: string; got: readonly string[]; known: readonly string[] };
  'vocabulary/unsupported': { file: string; what: string };
}

/** The codes of all errors. */
export type ErrorCode = keyof ErrorDetails;

const messages: { readonly [C in ErrorCode]: (d: ErrorDetails[C]) => string } = {
  'architecture/unknown': (d) =>
    `Architecture '${d.got}' of config.json is not known.${d.nearest === undefined ? '' : ` Did you mean '${d.nearest}'?`} Known: ${d.known.join(', ')}. docs/conversion.md shows how one is added.`,
  'architecture/unsupported': (d) =>
    `${d.architecture} with ${d.key} = ${d.got} has no GGUF form: llama.cpp's graph '${d.graph}' wants ${d.wanted}, and would load the file and answer wrongly. Use the checkpoint as it is, or one without this setting.`,
  'calibration/empty': (d) =>
    `Value '${d.value}' was never seen while calibrating, so it has no range. The graph gave empty tensors for it; calibrate with data that reaches it, or keep its nodes in float.`,
  'calibration/no-samples': (d) =>
    `Dataset '${d.dataset}' has no samples to calibrate with. Static quantization needs at least one; give data, or choose a dynamic or weight-only preset.`,
  'calibration/not-finite': (d) =>
    `Value '${d.value}', made by ${d.node}, is ${d.got} on the calibration data, so it has no range. Check the preprocessing (mean, std, scale) and the model's weights.`,
  'calibration/unknown-value': (d) =>
    `Value '${d.value}' is not in the main graph of the model, so it cannot be calibrated. Name an input or an output of a node outside subgraphs.`,
  'checkpoint/bitsandbytes': (d) =>
    `Tensor '${d.tensor}' is quantized by bitsandbytes (${d.file}), but ${d.what}. Save the checkpoint again with a current bitsandbytes, or take the unquantized one.`,
  'checkpoint/config': (d) =>
    `${d.key === undefined ? d.file : `'${d.key}' in ${d.file}`} is ${d.got}, but ${d.wanted} is wanted. Copy or download the file again, or correct it.`,
  'checkpoint/missing': (d) =>
    `There is no model in ${d.folder}: it has no config.json. Give a Hugging Face folder (config.json, tokenizer, safetensors) or a .gguf file${d.files?.length ? `; if it is the model, name the file itself: ${d.files.join(', ')}` : ''}.`,
  'checkpoint/quantized': (d) =>
    `The checkpoint is quantized already, with ${d.method}: lowbit cannot read its codes. Take the checkpoint it was made from; of quantized ones those of bitsandbytes and 8-bit floats are read (quant_method ${d.known.join(', ')}).`,
  'checkpoint/scale-shape': (d) =>
    `Tensor '${d.scale}' has the shape [${d.got.join(', ')}], but it holds the factors of '${d.tensor}' [${d.shape.join(', ')}]: one for all, one per row or one per block (weight_block_size in ${d.file}). Save the checkpoint again, or take the unquantized one.`,
  'checkpoint/tensor-missing': (d) =>
    `The checkpoint has no tensor '${d.tensor}', which ${d.family} models have${d.near === undefined ? '' : ` (the nearest is '${d.near}')`}: '${d.makes}' is made of it. A file of it is missing, or config.json belongs to another model.`,
  'checkpoint/tensor-shape': (d) =>
    `Tensor '${d.tensor}' has the shape [${d.got.join(', ')}], but by ${d.file} it is [${d.wanted.join(', ')}]. The two belong to different models; take both from one.`,
  'checkpoint/tensor-type': (d) =>
    `Tensor '${d.tensor}' is ${d.got}${d.like === undefined ? ', which holds no weights. Save the checkpoint as float32, float16 or bfloat16' : `, but '${d.like.tensor}', which becomes one tensor with it, is ${d.like.type}. Save the checkpoint in one type`}.`,
  'checkpoint/tensor-unexpected': (d) =>
    `The checkpoint has tensors that no ${d.family} model has: ${d.tensors.join(', ')}${d.more > 0 ? ` and ${d.more} more` : ''}. They would be lost; config.json belongs to another model, or this one was changed (adapters, more heads). Merge or remove them first.`,
  'checkpoint/verify': (d) =>
    `The written checkpoint was read again, and '${d.tensor}' in ${d.file} ${d.what}. Nothing was published. The disk may be failing; run again, and report it if it stays.`,
  'command/unknown': (d) =>
    `There is no command '${d.got}'.${d.nearest === undefined ? '' : ` Did you mean '${d.nearest}'?`} Commands: ${d.known.join(', ')}.`,
  'compare/text-model': (d) =>
    `compare feeds ONNX models, and ${d.model} is a GGUF file. Measure two of those by their perplexity: '${d.usage}'.`,
  'compare/too-few': (d) =>
    `compare wants a reference and at least one candidate, and got ${d.got} models. Name two or more.`,
  'compute/thread-lost': (d) => `A worker thread is gone: ${d.why}. If memory ran out, use fewer threads.`,
  'data/class-folder': (d) =>
    `The class folder '${d.folder}' of ${d.data} is none of the label names. Add it to "labelNames" in dataset.json, or remove the folder.`,
  'data/count-mismatch': (d) =>
    `${d.first} holds ${d.firstCount} samples, but ${d.other} holds ${d.otherCount}. Every array of a dataset wants one row per sample; check that the files belong together.`,
  'data/dtype': (d) =>
    `Input '${d.input}' wants ${d.wanted}, but ${d.file} holds ${d.got}. Convert the file, or feed another one in dataset.json.`,
  'data/empty': (d) =>
    `The dataset ${d.path} has no samples. Give it at least one; calibration works best with 100 to 1000.`,
  'data/image': (d) => `The picture ${d.file} cannot be read: ${d.why}. Repair or remove it.`,
  'data/input-missing': (d) =>
    `The model's input '${d.input}' is fed by nothing in ${d.data}, which feeds: ${d.known.join(', ') || 'no input'}. Add it under "inputs" in dataset.json; a constant is {"value": 0, "fill": [shape]}.`,
  'data/input-unknown': (d) =>
    `${d.data} feeds '${d.input}', which the model does not have. Its inputs: ${d.known.join(', ')}.`,
  'data/label-range': (d) =>
    `Label ${d.label} of sample ${d.index} in ${d.file} is out of range: the model tells ${d.classes} classes apart, 0 to ${d.classes - 1}. Check that labels and model belong together.`,
  'data/malformed': (d) => `${d.file} is damaged or not what its name says: ${d.what}. Write the file again.`,
  'data/missing': (d) => `There is no data at ${d.path}. Check the path.`,
  'data/needs': (d) =>
    `${d.file} cannot be read without ${d.what}. Add it in dataset.json (docs/data.md shows how).`,
  'data/not-guessed': (d) =>
    `Cannot tell how ${d.path} feeds the model: ${d.why}. Put a dataset.json beside the data that says it (docs/data.md shows how).`,
  'data/not-whole': (d) =>
    `${d.file} is ${d.sizeBytes} bytes, which is no whole number of samples: one sample of ${d.row} takes ${d.rowBytes}. The file is cut off, or "dtype" or "shape" is wrong.`,
  'data/parts-differ': (d) =>
    `The files of one input differ: ${d.first}, but ${d.other}. Write them with the same element type and shape.`,
  'data/shape': (d) =>
    `Input '${d.input}' wants samples of ${d.wanted}, but ${d.file} holds ${d.got}. Check the file, or "shape" and "layout" in dataset.json.`,
  'data/spec-invalid': (d) =>
    `${d.where} is not a valid dataset description:\n${d.problems.map((p) => `  ${p}`).join('\n')}\ndocs/data.md lists every key.`,
  'data/too-large': (d) =>
    `${d.file} is refused: ${d.what} is ${d.got}, and the limit is ${d.limit}. Split the data into smaller files.`,
  'data/truncated': (d) =>
    `${d.file} is cut off: its content needs ${d.wanted} bytes, but there are ${d.got}. Copy or download it again.`,
  'data/unsafe-location': (d) =>
    `${d.spec} names the file '${d.location}', which lies outside its folder. Nothing outside is opened; move the file into the folder and name it relative to that.`,
  'entropy/stream': (d) =>
    `The entropy-coded codes of '${d.name}' cannot be decoded: ${d.what}. Get the file again.`,
  'evaluation/empty': (d) =>
    `Data '${d.data}' has no samples to evaluate with. Check the path and the range of samples.`,
  'evaluation/label-range': (d) =>
    `Label ${d.label} of sample ${d.sample} is out of range: output '${d.output}' has ${d.classes} classes, so labels go from 0 to ${d.classes - 1}. Check the label file, or set the right output in dataset.json.`,
  'evaluation/metric-task': (d) =>
    `Metric '${d.metric}' is for ${d.wanted} data, but the task is ${d.got}. Leave the metric out, or correct the task in dataset.json.`,
  'evaluation/no-labels': (d) =>
    `Task ${d.task} wants ${d.wanted}, but the data has none. Add them to dataset.json, or set its task to 'none' to measure agreement only.`,
  'evaluation/not-finite': (d) =>
    `Output '${d.output}' of ${d.model} is ${d.value} for sample ${d.sample}. A model that gives NaN or Inf is not usable; check the input's preprocessing, and keep the layers that overflow in float32.`,
  'evaluation/output-shape': (d) =>
    `Output '${d.output}' has shape ${d.got}, but task ${d.task} wants ${d.wanted}. Name the right output in dataset.json, or correct the task.`,
  'file/busy': (d) =>
    `${d.path} is being made by another run (process ${d.process}). Wait for it or end it; if there is no such run any more, remove ${d.journal}.`,
  'evaluation/text-file': (d) =>
    `A GGUF model is measured on text, and ${d.data} is none: name a UTF-8 text file with --data.`,
  'evaluation/text-model': (d) =>
    `Perplexity is measured of GGUF files, and ${d.model} is none. Leave --context and --metric out, or compare one GGUF file with another.`,
  'evaluation/short-text': (d) =>
    `The text is ${d.tokens} tokens to ${d.model}, less than one chunk of ${d.context}. Give more text, or a smaller --context.`,
  'file/disk-full': (d) =>
    `The disk is full: ${d.path} could not be written. Free some space, or write elsewhere.`,
  'file/exists': (d) => `${d.path} is already there. Choose another name, or replace it with --force.`,
  'file/failed': (d) => `${d.path} could not be ${d.act}: ${d.message}.`,
  'file/folder-missing': (d) => `There is no folder ${d.path}. Make it first, or name another one.`,
  'file/http': (d) => `${d.url} could not be loaded: ${d.why}. Check the address and the connection.`,
  'file/is-source': (d) =>
    `${d.path} is the model that is being read: it is never replaced, not even with --force. Choose another name.`,
  'file/missing': (d) => `There is no file ${d.path}. Check the path.`,
  'file/no-access': (d) =>
    `${d.path} cannot be ${d.act}: the rights are missing. Change them, or choose another place.`,
  'file/no-folders': (d) =>
    `The folder ${d.path} cannot be opened: a page has no folders. Write to memory and offer the bytes for download.`,
  'file/not-a-file': (d) => `${d.path} is not a plain file. Name a file.`,
  'file/not-a-folder': (d) =>
    `${d.path} is a file, but the output needs a folder. Name a folder, or one preset and a file.`,
  'file/not-json': (d) => `${d.path} is not JSON. Repair the file, or take it away.`,
  'file/out-of-range': (d) =>
    `${d.file} has ${d.size} bytes, but ${d.length} at offset ${d.offset} were asked for. The file is cut off or was changed; copy or download it again.`,
  'file/several-outputs': (d) =>
    `${d.path} names one file, but several presets, or a layout with folders, need a folder. Name one, such as '${d.path.replace(/\.onnx$/i, '')}/', or give a single preset.`,
  'file/unsafe-location': (d) =>
    `'${d.location}', named by ${d.file}, is refused: ${d.why}. Only files inside that folder are used; move the file there and name it relative to it.`,
  'flag/missing': (d) => `lowbit ${d.command} needs ${d.what}: '${d.usage}'. See lowbit ${d.command} --help.`,
  'flag/unknown': (d) =>
    `lowbit ${d.command} has no flag '${d.got}'.${d.nearest === undefined ? '' : ` Did you mean '${d.nearest}'?`} See lowbit ${d.command} --help.`,
  'flag/value': (d) => `${d.flag} wants ${d.wanted}, got ${d.got}.`,
  'format/too-many-levels': (d) =>
    `${d.format} has codes of ${d.bits} bits, and ONNX files hold indices of at most 8. Choose a format of 8 bits or fewer; lowbit formats lists them.`,
  'ggml/layer': (d) =>
    `Tensor '${d.name}' is in no layer of this model, which has ${d.layers}: the mixture cannot place it. The file's block_count or the name is wrong; --pure or --tensor-type chooses a type without it.`,
  'ggml/needs-importance': (d) =>
    `${d.type} needs an importance matrix: at so few bits the error must go where it matters least. Give one with --imatrix, or choose a larger type.`,
  'ggml/row-length': (d) =>
    `${d.type} stores blocks of ${d.block} values, and rows of ${d.rowLength} are no whole number of them. Choose a type with smaller blocks, such as Q8_0, Q5_0 or IQ4_NL (32).`,
  'gguf/malformed': (d) =>
    `${d.file} is damaged at byte ${d.offset}: ${d.what}. Copy or download it again, or convert it again.`,
  'gguf/needs-imatrix': (d) =>
    `${d.target} makes ${d.type} of tensor '${d.tensor}'${d.count > 1 ? ` and such of ${d.count - 1} more` : ''}, which is worthless without an importance matrix, and ${d.given === '' ? 'none was given' : `${d.given} has none for it`}. Give one with --imatrix (llama-imatrix computes them), or choose a file type with more bits, such as gguf:Q3_K_M.`,
  'gguf/no-model': (d) => `${d.file} cannot become a GGUF model: ${d.what}. ${d.advice}`,
  'gguf/not-gguf': (d) => `${d.file} is not a GGUF file: ${d.why}. Give a .gguf file.`,
  'gguf/not-writable': (d) =>
    `The GGUF file cannot be written: ${d.what} ${d.why}. Correct the metadata or the tensor.`,
  'gguf/split': (d) =>
    `${d.file} cannot be opened as a part of a model: ${d.what}. Put all parts into one folder under their own names, and open any of them there.`,
  'gguf/tensor': (d) =>
    `Tensor '${d.tensor}' in ${d.file} ${d.what}. The file is damaged; copy or download it again, or convert it again.`,
  'gguf/tensor-type': (d) =>
    `Tensor '${d.tensor}' in ${d.file} is of type ${d.got} (${d.why}). Known types: ${d.known.join(', ')}. Convert the model again with one of them.`,
  'gguf/too-large': (d) =>
    `${d.file} is refused: ${d.what} is ${d.got}, and the limit is ${d.limit}, which no real model comes near. The file is damaged or hostile.`,
  'gguf/truncated': (d) =>
    `${d.file} is cut off: it has ${d.size} bytes, and ${d.what} would end at ${d.needed}. Copy or download it again.`,
  'gguf/verify': (d) =>
    `${d.file} was written but does not read back: ${d.what}. It was not handed over. The disk or memory may be faulty; try again, elsewhere if it happens twice.`,
  'gguf/version': (d) =>
    `${d.file} is GGUF version ${d.got}, but lowbit reads 2 and 3 (little-endian): ${d.why}.`,
  'graph/attribute-type': (d) =>
    `Attribute '${d.attribute}' of ${d.node} is ${d.got}, but the operator wants ${d.wanted}. The model is not valid ONNX; export it again.`,
  'graph/cycle': (d) =>
    `Graph '${d.graph}' has a cycle through ${d.node}: a node waits for its own result. The model is not valid ONNX; export it again.`,
  'graph/duplicate-value': (d) =>
    `Value '${d.value}' is produced twice, the second time by ${d.node}; every name wants one producer. The model is not valid ONNX; export it again.`,
  'graph/function-growth': (d) =>
    `Inlining function '${d.function}' would make more than ${d.limit} nodes. The model's functions call each other too often; export it without functions.`,
  'graph/not-lowered': (d) =>
    `${d.node} (${d.operator}) cannot be written with standard ONNX operators: ${d.why}. Export the model without it.`,
  'graph/opset-change': (d) =>
    `${d.node} cannot be raised from opset ${d.from} to ${d.to}: ${d.why}. Export the model with a newer opset.`,
  'graph/opset-range': (d) =>
    `The model speaks opset ${d.opset} and ${d.target} is wanted, but lowbit raises between ${d.known[0]} and ${d.known[1]} only. Export the model with an opset in that range.`,
  'graph/recursive-function': (d) =>
    `Function '${d.function}' calls itself, which ONNX forbids. The model is not valid; export it again.`,
  'imatrix/malformed': (d) =>
    `${d.file} cannot be read as an importance matrix: ${d.what}. Give a file of llama-imatrix (.gguf or .dat), or compute it again.`,
  'imatrix/not-finite': (d) =>
    `Value ${d.index} of '${d.tensor}' in ${d.file} is ${d.value}, but a sum of squares is finite and not negative. Compute the importance matrix again.`,
  'imatrix/size': (d) =>
    `${d.file} has ${d.got} values for tensor '${d.tensor}', which takes ${d.wanted}. It was made for another model; compute one for this model.`,
  'imatrix/truncated': (d) =>
    `${d.file} is cut off: it has ${d.size} bytes, and ${d.what} would end at ${d.needed}. Copy it again, or compute it again.`,
  'limit/bare-number': (d) =>
    `Limit '${d.text}' is a bare number, and nobody can tell a fraction from points. Write '${d.text}%': percentage points for rates (accuracy, F1), relative percent for errors.`,
  'limit/malformed': (d) =>
    `Limit '${d.text}' cannot be read. Write a largest drop as '0.5%', or a bound on a metric as 'top-1>=0.9' or 'mse<=0.02'.`,
  'limit/no-baseline': (d) =>
    `The limit '${d.text}' is a drop against another model, and none was named. Give the float model with --against.`,
  'limit/rate-range': (d) =>
    `Limit '${d.text}' asks for ${100 * d.value} %: a rate lies between 0 and 1. Write it as a fraction (0.9) or in percent (90%).`,
  'limit/no-data': (d) =>
    `The limit '${d.text}' cannot be checked: there is no labelled data to evaluate on. Give some with --evaluate.`,
  'limit/no-metric': (d) =>
    `Limit '${d.text}' needs ${d.metric}, which was not measured. Measured: ${d.known.length > 0 ? d.known.join(', ') : 'nothing'}. Give evaluation data with labels, or name a measured metric.`,
  'llama2c/malformed': (d) =>
    `${d.file} cannot be read as a llama2.c file: ${d.what}. Export it again with llama2.c.`,
  'lowering/form': (d) =>
    `Form '${d.form}' has no operators for ${d.format} activations. Use the QDQ form, or 8-bit activations.`,
  'lowering/opset': (d) =>
    `The model speaks opset ${d.got}, but ${d.what} needs opset ${d.wanted}. Raise it first (raiseOpset).`,
  'lowering/range-missing': (d) =>
    `There is no range for value '${d.value}', which the plan quantizes. Calibrate every value that plan.ranges names.`,
  'name/unknown': (d) => {
    if (d.called !== undefined)
      return `Unknown ${d.what} '${d.got}': it is called '${d.called}' here. ${d.list} lists them.`;
    const near = d.meant ?? [nearest(d.got, d.known) ?? []].flat();
    const meant = near.length === 0 ? '' : ` Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`;
    return `Unknown ${d.what} '${d.got}'.${meant} ${d.list === undefined ? `Known: ${d.known.join(', ')}` : `${d.list} lists them`}.`;
  },
  'numerics/axis': (d) =>
    `Axis ${d.axis} of the scheme is not an axis of a tensor of shape [${d.dims.join(', ')}]; wanted 0 to ${d.dims.length - 1}. Choose one of those, or per-tensor.`,
  'numerics/beyond-range': (d) =>
    `Value ${d.index} of ${d.name} is ${d.value}, which is too large for ${d.type}. Keep this tensor in a wider type, such as BF16 or F32.`,
  'numerics/composite': (d) =>
    `The parts of the scheme do not fit ${d.name}: ${d.what}. Change that part or leave it out.`,
  'numerics/fixed-block': (d) =>
    `Format ${d.format} has blocks of ${d.block} values that share a scale; the scheme asks for scales ${d.granularity}. Use groups of ${d.block} along an axis.`,
  'numerics/group-size': (d) =>
    `Group size ${d.size} of the scheme is not a positive integer. Use 32, 64 or 128.`,
  'numerics/not-finite': (d) =>
    `Value ${d.index} of ${d.name} is ${d.value}; only finite numbers can be quantized. The training diverged or the file is damaged; mend the weight or keep this tensor float.`,
  'numerics/not-real': (d) =>
    `Tensor of ${d.dtype} holds no real numbers, so it has no float32 form. Keep it as it is.`,
  'numerics/rounding': (d) =>
    `Format ${d.format} rounds to its nearest level only, not by '${d.rounding}': other roundings need evenly spaced levels. Leave rounding out, or choose a uniform format: int, uint, midrise or deadzone.`,
  'numerics/value-count': (d) =>
    `${d.name} has ${d.got} values, but its shape [${d.dims.join(', ')}] wants ${d.wanted}. Give one value per element.`,
  'onnx/attribute': (d) =>
    `Attribute '${d.attribute}' of ${d.node} in ${d.file} ${d.what}. The model is not valid ONNX; export it again.`,
  'onnx/data-type': (d) =>
    `${d.where} in ${d.file} has element type ${d.got}, but the known ones are 1 to 26. The file is damaged or newer than ONNX 1.23.`,
  'onnx/dims': (d) =>
    `Tensor '${d.tensor}' in ${d.file} has the shape [${d.dims}]: ${d.what}. The file is damaged; export it again.`,
  'onnx/duplicate-initializer': (d) =>
    `Graph '${d.graph}' in ${d.file} holds two initializers named '${d.tensor}'; every name wants one value. The model is not valid ONNX; export it again.`,
  'onnx/external-data': (d) =>
    `Tensor '${d.tensor}' in ${d.file} keeps its data in '${d.location}', which cannot be used: ${d.what}. Put the data file that belongs to the model beside it.`,
  'onnx/invalid': (d) => `${d.file} is not valid ONNX: ${d.what}. Export it again.`,
  'onnx/malformed': (d) =>
    `${d.file} is damaged at byte ${d.offset}: ${d.what}. Copy or download it again, or export it again.`,
  'onnx/not-onnx': (d) => `${d.file} is not an ONNX model: ${d.why}. Give a .onnx file.`,
  'onnx/tensor-size': (d) =>
    `Tensor '${d.tensor}' in ${d.file} is ${d.dtype} [${d.dims.join(', ')}] and needs ${d.wanted} bytes, but has ${d.got}. The file is damaged or its shape is wrong; export it again.`,
  'onnx/too-deep': (d) =>
    `${d.file} nests more than ${d.limit} levels deep, which no real model does. The file is damaged or hostile.`,
  'onnx/too-large': (d) =>
    `${d.name} would be ${d.sizeBytes} bytes, but ONNX Runtime reads at most ${d.limit} from one file. Write the weights as external data.`,
  'onnx/too-many': (d) =>
    `${d.file} holds more than ${d.limit} ${d.what}, which no real model does. The file is damaged or hostile.`,
  'onnx/truncated': (d) =>
    `${d.file} is cut off: what starts at byte ${d.offset} needs ${d.needed} bytes of file, but there are ${d.size}. Copy or download it again.`,
  'onnx/undefined-value': (d) =>
    `Graph '${d.graph}' in ${d.file} never makes the value '${d.value}', which ${d.reader} reads. The model is not valid ONNX; export it again.`,
  'onnx/version': (d) =>
    `${d.file} has ${d.what} ${d.got}, but lowbit reads ${d.wanted}. Export it again with another version.`,
  'packed/malformed': (d) =>
    `${d.file} is not a whole .lowbit file: ${d.what}. Get the file again, or pack the model again.`,
  'packed/no-model': (d) =>
    `${d.file} is a safetensors file without a packed model: it cannot be unpacked. Pack one with: lowbit convert model.onnx --to lowbit.`,
  'packed/version': (d) =>
    `${d.file} is a .lowbit file of version ${d.got}, and this lowbit knows version ${d.known}. Use the lowbit that wrote it, or a newer one.`,
  'quantized/damaged': (d) =>
    `${d.file}: the part '${d.part}' of the quantized tensor '${d.tensor}' is damaged: its CRC-32 is not the one that was written. Get the file again, or quantize the model again.`,
  'quantized/not-writable': (d) => `The quantized tensor '${d.tensor}' cannot be written: ${d.why}.`,
  'quantized/tensor': (d) =>
    `${d.file}: the quantized tensor '${d.tensor}' is not stored as its description says: ${d.what}. Get the file again, or quantize the model again.`,
  'quantized/version': (d) =>
    `${d.file} holds quantized tensors of version ${d.got}, and this lowbit knows version ${d.known}. Use the lowbit that wrote it, or a newer one.`,
  'recipe/invalid': (d) => `The recipe is not valid:\n${d.problems.map((p) => `  ${p}`).join('\n')}`,
  'recipe/needs-calibration': (d) =>
    `Preset '${d.preset}' needs data to calibrate its activation ranges, and none was given. Give some with --calibrate (100 to 1000 typical samples), or choose a preset that needs none: int8-dynamic, q8, q4, fp16.`,
  'recipe/no-transformers-name': (d) =>
    `transformers.js has no file name for preset '${d.preset}'. It knows: ${d.known.join(', ')}. Choose one of them, or the plain layout.`,
  'recipe/nothing-to-quantize': (d) =>
    `Preset '${d.preset}' finds nothing to quantize in this model: ${d.why}. Choose another preset ('lowbit presets' lists them).`,
  'recipe/pattern-unmatched': (d) =>
    `The ${d.key} pattern '${d.pattern}' matches no node's name, output or operator type in this model. Operator types: ${d.operators.join(', ')}. Nodes: ${d.layers.join(', ')}${d.more > 0 ? ` and ${d.more} more` : ''}. Correct the pattern; * stands for any characters.`,
  'recipe/same-file': (d) =>
    `Presets '${d.first}' and '${d.second}' would both be ${d.file}. Write them into different folders, or leave one out.`,
  'recipe/tensor-unmatched': (d) =>
    `The ${d.key} pattern '${d.pattern}' matches no tensor's name in this model. Tensors: ${d.tensors.join(', ')}${d.more > 0 ? ` and ${d.more} more` : ''}. Correct the pattern; * stands for any characters.`,
  'run/aborted': (d) =>
    d.kept === undefined
      ? 'The run was interrupted. Nothing was written under the final name.'
      : `The run was interrupted. What is finished of ${d.kept} is kept beside it: the same command with --resume goes on from there.`,
  'runtime/config-key': (d) =>
    `Session configuration entry '${d.key}' does not start with 'session.'; no other keys reach ONNX Runtime from here. Write it as 'session.<name>'.`,
  'runtime/input-mismatch': (d) =>
    `Input '${d.input}' of ${d.model} got ${d.got}, wanted ${d.wanted}. Check the names, types and layout of the data against the model's inputs.`,
  'runtime/llama-load': (d) =>
    `llama.cpp does not load ${d.file}: ${d.why}. See lowbit inspect for what the file holds; a file made by lowbit that does not load is a bug.`,
  'runtime/load-failed': (d) =>
    `${d.runtime} cannot load ${d.model}: ${d.message}. Check that the file is whole and that this version knows its operators.`,
  'runtime/memory-failed': (d) =>
    `Peak memory was not measured: a process that loads and runs the model with the ${d.runtime} runtime said: ${d.message}. Check that the model runs; measure without memory otherwise.`,
  'runtime/native-only': (d) =>
    `${d.what} works with the native runtime only, got ${d.runtime}. Use the native runtime or leave it out.`,
  'runtime/no-llama': () =>
    'llama.cpp runs in Node alone, and no page can measure a GGUF model. Use the command line: lowbit evaluate model.gguf --data text.txt.',
  'runtime/not-built': (d) =>
    `The worker script ${d.path} does not exist. Run \`npm run build\` first: workers run from the build.`,
  'runtime/peer-missing': (d) =>
    `${d.what} runs in ${d.peer}, which is not installed. Install it beside lowbit: npm install ${d.peer}.`,
  'runtime/port-type': (d) =>
    `${d.port === undefined ? 'An input or output' : `'${d.port}'`} of ${d.model} is of type ${d.dtype}, which ONNX Runtime's JavaScript interface cannot hold. Add a Cast to float32 at that edge of the graph.`,
  'runtime/run-failed': (d) =>
    `${d.runtime} failed while running ${d.model}: ${d.message}. Check the data against the model; if it is right, the model is at fault.`,
  'runtime/unavailable': (d) =>
    `The ${d.runtime} runtime cannot start: ${d.why}. 'native' needs the package onnxruntime-node, 'webgpu' a graphics adapter, 'wasm' onnxruntime-web.`,
  'runtime/worker-lost': (d) =>
    `The worker of the ${d.runtime} runtime is gone: ${d.why}. Create a new runtime; if memory ran out, use smaller batches.`,
  'safetensors/dtype': (d) =>
    `Tensor '${d.tensor}' in ${d.file} is of dtype '${d.got}', which lowbit does not read. Known: ${d.known.join(', ')}. Save the model with one of them.`,
  'safetensors/index': (d) =>
    `The index ${d.file} cannot be used: ${d.what}. Copy or download the folder again, or save the model again.`,
  'safetensors/malformed': (d) =>
    `${d.file} is damaged: ${d.what}. Copy or download it again, or save it again.`,
  'safetensors/missing': (d) =>
    `The folder holds no weights: there is no ${d.names.join(' and no ')}. Name the folder of a Hugging Face checkpoint.`,
  'safetensors/not-safetensors': (d) =>
    `${d.file} is not a safetensors file: ${d.why}. Give a .safetensors file.`,
  'safetensors/not-writable': (d) =>
    `Tensor '${d.tensor}' cannot be written to a safetensors file: ${d.why}. Convert or rename it first.`,
  'safetensors/pickle': (d) =>
    `${d.file} is a PyTorch checkpoint: a Python program that runs when it is opened, so lowbit does not. Save it as safetensors where you trust it (model.save_pretrained(folder), or safetensors.torch.save_file), and open that.`,
  'safetensors/tensor': (d) =>
    `Tensor '${d.tensor}' in ${d.file} ${d.what}. The file is damaged; copy or download it again, or save it again.`,
  'safetensors/too-large': (d) =>
    `${d.file} is refused: ${d.what} is ${d.got}, and the limit is ${d.limit}, which no real model comes near. The file is damaged or hostile.`,
  'safetensors/truncated': (d) =>
    `${d.file} is cut off: it has ${d.size} bytes, and ${d.what} would end at ${d.needed}. Copy or download it again.`,
  'scheme/text': (d) =>
    `The scheme '${d.text}' cannot be read: ${d.what}. Write it as nf4/64, int8/channel, e4m3fn/128x128 or int4/128:asymmetric,range=mse+outliers=0.5%.`,
  'tensor/byte-length': (d) =>
    `Tensor of ${d.dtype} [${d.dims.join(', ')}] holds ${d.got} bytes, but its shape needs ${d.wanted}. The file is damaged or its shape is wrong; export it again.`,
  'tensor/rows': (d) =>
    `Rows ${d.from} to ${d.to} of tensor '${d.tensor}' were asked for, but it has ${d.rows}. Ask for whole rows inside that range, the first before the last.`,
  'tensor/unknown': (d) => {
    const meant = d.near === undefined ? '' : ` Did you mean '${d.near}'?`;
    const more = d.count > d.known.length ? ` and ${d.count - d.known.length} more` : '';
    return `The model has no tensor '${d.name}'.${meant} It has: ${d.known.join(', ')}${more}. lowbit inspect --tensors lists them.`;
  },
  'tensor/stored-length': (d) =>
    `Tensor '${d.tensor}' of ${d.type} [${d.dims.join(', ')}] has ${d.got} bytes, but its shape needs ${d.wanted}. Give exactly its bytes.`,
  'vocabulary/id-twice': (d) =>
    `${d.file} gives the id ${d.id} to two tokens, '${d.first}' and '${d.second}'. Every id wants one token; save the tokenizer again.`,
  'vocabulary/larger-than-embedding': (d) =>
    `Token '${d.token}' of ${d.file} has the id ${d.id}, but the model's embedding has ${d.size} rows. Put the tokenizer that belongs to the checkpoint beside it.`,
  'vocabulary/malformed': (d) =>
    `${d.file} is damaged or not what its name says: ${d.what}. Copy it from the checkpoint again.`,
  'vocabulary/merge': (d) =>
    `Merge ${d.index} of ${d.file} (${d.merge}) cannot be applied: ${d.why}. Save the tokenizer again.`,
  'vocabulary/missing': (d) =>
    `The folder has no tokenizer; looked for ${d.looked.join(', ')}. Put the tokenizer files of the checkpoint beside config.json.`,
  'vocabulary/no-bytes': (d) =>
    `${d.count} of the 256 bytes have no token in ${d.file} (${d.first} is the first), and llama.cpp ends when a text needs one. Train the tokenizer with byte fallback.`,
  'vocabulary/token-twice': (d) =>
    `${d.file} has the token '${d.token}' twice, as ${d.first} and ${d.second}, which llama.cpp cannot load. Every token wants a text of its own; save the tokenizer again.`,
  'vocabulary/too-large': (d) =>
    `${d.file} is not read: ${d.what} is ${d.got}, and at most ${d.limit} is taken. The file is damaged or hostile.`,
  'vocabulary/unknown-model': (d) =>
    `The tokenizer of ${d.file} is of the kind ${d.got}, which is not converted. Known kinds: ${d.known.join(', ')}. Choose a checkpoint with one of them.`,
  'vocabulary/unknown-normalizer': (d) =>
    `The tokenizer of ${d.file} changes text in a way that llama.cpp has no counterpart of: ${d.got.join(', ')}. Known normalizers: ${d.known.join(', ')}. The checkpoint cannot be converted with right token ids.`,
  'vocabulary/unknown-pre-tokenizer': (d) =>
    `The tokenizer of ${d.file} cuts text in a way that is none of llama.cpp's known ones: ${d.got.join(' then ') || 'not at all'}. Known: ${d.known.join(', ')}. Without it the token ids would be wrong; check that tokenizer.json is the checkpoint's own, or ask for a row in the table of pre-tokenizers.`,
  'vocabulary/unsupported': (d) =>
    `The tokenizer of ${d.file} ${d.what}, which llama.cpp cannot do. The checkpoint cannot be converted with right token ids.`,
};

/** What the command line exits with: 2 bad input or environment, 3 a limit not met, 130 interrupted. */
const exitCodes: Partial<Record<ErrorCode, number>> = { 'run/aborted': 130 };

/** The one error class of lowbit. `code` is stable API; `details` carries what is needed to act. */
export class LowbitError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'LowbitError';
  readonly code: C;
  readonly details: ErrorDetails[C];

  constructor(code: C, details: ErrorDetails[C], options?: ErrorOptions) {
    super(messages[code](details), options);
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return exitCodes[this.code] ?? 2;
  }
}

/** Throws the error of this code. */
export function fail<C extends ErrorCode>(code: C, details: ErrorDetails[C], cause?: unknown): never {
  throw new LowbitError(code, details, cause === undefined ? undefined : { cause });
}

/** Looks a row up by a name that a user gave; an unknown name lists the known ones. */
export function lookUp<T>(what: string, table: Readonly<Record<string, T>>, name: string): T {
  if (!Object.hasOwn(table, name)) fail('name/unknown', { what, got: name, known: Object.keys(table) });
  return table[name] as T;
}

/** Ends the run when the caller asked for it. Call between tiles, batches and tensors. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) fail('run/aborted', {}, signal.reason);
}
