import { fail } from '../../tensor/index.ts';
import { type BlockFormatName, blockFormats } from './block-formats.ts';
import { type FileType, type FileTypeName, fileTypes, type MixtureRole } from './file-types.ts';
import { isQuantizable, type RuleFacts, roleOf, ruleConditions, type TensorRole } from './tensor-role.ts';

/** A model as far as the choice of types is concerned. */
export interface TypePlanRequest {
  readonly fileType: FileTypeName;
  /** general.architecture. */
  readonly architecture: string;
  /** <architecture>.block_count */
  readonly layers: number;
  /** <architecture>.attention.head_count and head_count_kv (of the first layer); 0 where there is none. */
  readonly heads: number;
  readonly keyHeads: number;
  /** <architecture>.expert_count; 0 for a dense model. */
  readonly experts: number;
  /** In any order. `type`: how the tensor is stored now; shape: outermost axis first. */
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly type: string;
  }[];
  /** An importance matrix was given. */
  readonly hasImportance?: boolean;
  /** No mixture: every tensor gets the main type. */
  readonly pure?: boolean;
  /** output.weight stays as it is. */
  readonly keepOutput?: boolean;
  readonly outputType?: BlockFormatName;
  readonly embeddingType?: BlockFormatName;
  /** Types by name: the first pattern that is found in the name wins. */
  readonly tensorTypes?: readonly { readonly pattern: RegExp; readonly type: BlockFormatName }[];
}

export interface PlannedType {
  readonly name: string;
  /** undefined: stays as it is stored. */
  readonly type: BlockFormatName | undefined;
  /** The type that the mixture wanted, where rows are no whole number of its blocks. */
  readonly instead?: BlockFormatName;
  /** llama-quantize refuses to make this without an importance matrix. */
  readonly needsImportance: boolean;
}

/** What rows that are no whole number of 256 values get instead; still not whole: F16. */
const smallerBlocks: Readonly<Partial<Record<BlockFormatName, BlockFormatName>>> = {
  iq1_s: 'iq4_nl',
  iq1_m: 'iq4_nl',
  iq2_xxs: 'iq4_nl',
  iq2_xs: 'iq4_nl',
  iq2_s: 'iq4_nl',
  iq3_xxs: 'iq4_nl',
  iq3_s: 'iq4_nl',
  iq4_xs: 'iq4_nl',
  q2_0: 'q4_0',
  q2_k: 'q4_0',
  q3_k: 'q4_0',
  tq1_0: 'q4_0',
  tq2_0: 'q4_0',
  q4_k: 'q5_0',
  q5_k: 'q5_1',
  q6_k: 'q8_0',
};

/** Types that are too coarse to be chosen by magnitude alone. */
const needImportance: ReadonlySet<BlockFormatName> = new Set([
  'iq1_s',
  'iq1_m',
  'iq2_xxs',
  'iq2_xs',
  'iq2_s',
  'iq3_xxs',
]);

/** Architectures whose 80-layer models share one value head among eight: there it is small, and gets more bits. */
const eightyLayers: Readonly<Record<string, (r: TypePlanRequest) => boolean>> = {
  llama: (r) => r.layers === 80 && r.heads !== r.keyHeads,
  deci: (r) => r.layers === 80,
  jais2: (r) => r.layers === 68,
  olmo: (r) => r.layers === 80,
  qwen2: (r) => r.layers === 80,
};

/**
 * The type of every tensor, as llama-quantize of llama.cpp v0.5.0 chooses it. Order matters to some rules, so the
 * result has llama.cpp's order (`inGgufOrder`), in which it also writes tensors.
 */
export function planTypes(request: TypePlanRequest): PlannedType[] {
  const row: FileType = fileTypes[request.fileType];
  const tensors = inGgufOrder(request.tensors);
  const tied = !tensors.some(({ name }) => name === 'output.weight');
  const seen: Record<TensorRole, number> = {
    output: 0,
    embedding: 0,
    value: 0,
    key: 0,
    query: 0,
    attentionOutput: 0,
    up: 0,
    gate: 0,
    down: 0,
    other: 0,
  };
  const values = tensors.filter(({ name }) => roleOf(name) === 'value').length;

  return tensors.map(({ name, shape }) => {
    const needs = (type: BlockFormatName | undefined) =>
      type !== undefined &&
      !/^(per_layer_)?token_embd\.weight$|^output\.weight$/.test(name) &&
      (needImportance.has(type) || (row.q2NeedsImportance === true && type === 'q2_k'));
    if (!isQuantizable(name, shape) || (request.keepOutput && name === 'output.weight'))
      return { name, type: undefined, needsImportance: false };

    const role = roleOf(name);
    const named = request.tensorTypes?.find(({ pattern }) => pattern.test(name))?.type;
    if (role === 'embedding' && request.embeddingType && !(named && name.startsWith('per_layer')))
      return { name, type: request.embeddingType, needsImportance: false };
    if (role === 'output' && request.outputType)
      return { name, type: request.outputType, needsImportance: false };

    if (blockFormats[row.main].block === 1) return { name, type: row.main, needsImportance: false };
    const wanted =
      named ?? (request.pure ? row.main : mixtureType(request, row, name, shape, role, tied, seen, values));
    const type = fitRows(wanted, name, shape.at(-1)!);
    const isLast = role === 'output' || (role === 'embedding' && tied);
    const rule = named === undefined && !request.pure && isLast ? outputRule(request, row) : wanted;
    return { name, type, needsImportance: needs(type), ...(type !== rule && { instead: rule }) };
  });
}

function mixtureType(
  request: TypePlanRequest,
  row: FileType,
  name: string,
  shape: readonly number[],
  role: TensorRole,
  tied: boolean,
  seen: Record<TensorRole, number>,
  values: number,
): BlockFormatName {
  if (role === 'output' || (role === 'embedding' && tied)) return outputType(request, row, shape.at(-1)!);
  if (request.fileType === 'MXFP4_MOE') return isExperts(request, role, shape) ? 'mxfp4' : 'q8_0';
  if (role === 'embedding') return row.embedding ?? row.main;
  if (role === 'other') return row.main;

  const before = seen[role]++;
  const apart = request.experts > 1 && (role === 'down' || role === 'gate' || role === 'up') && !row.alone;
  const facts: RuleFacts = {
    architecture: request.architecture,
    headsPerKey: request.keyHeads === 0 ? 0 : Math.floor(request.heads / request.keyHeads),
    experts: request.experts,
    hasImportance: request.hasImportance ?? false,
    // Experts of a layer do not follow each other in every model: their layer stands in the name.
    index: apart ? layerOf(name, request.layers) : before,
    count: role === 'value' ? values : request.layers,
    seen: before,
  };
  const rules = row.rules?.[role as MixtureRole] ?? [];
  const type = rules.find(([when]) => ruleConditions[when](facts))?.[1] ?? row.main;
  return row.alone ? type : raised(request, role, type);
}

/** Whatever the mixture: small tensors that many others hang on get more bits. */
function raised(request: TypePlanRequest, role: TensorRole, type: BlockFormatName): BlockFormatName {
  if (request.experts === 8 && (role === 'value' || role === 'key')) return 'q8_0';
  const shared = eightyLayers[request.architecture]?.(request) ?? false;
  return role === 'value' && shared && (type === 'q3_k' || type === 'q4_k') ? 'q5_k' : type;
}

/** The last product sees every token: it gets 6 bits, or 8 where its rows do not fit. */
function outputType(request: TypePlanRequest, row: FileType, rowLength: number): BlockFormatName {
  if (!request.outputType && rowLength % blockFormats[row.main].block !== 0) return 'q8_0';
  return outputRule(request, row);
}

/** What the last product gets where its rows fit. */
function outputRule(request: TypePlanRequest, row: FileType): BlockFormatName {
  if (request.outputType) return request.outputType;
  if (request.fileType === 'MXFP4_MOE' || request.architecture === 'falcon') return 'q8_0';
  return row.output ?? (row.main === 'q8_0' ? 'q8_0' : 'q6_k');
}

/** Stacked matrices are experts, but for an architecture that stacks attention's too. */
function isExperts(request: TypePlanRequest, role: TensorRole, shape: readonly number[]): boolean {
  const stacked = shape.length >= 3 && shape.at(-3)! > 1;
  return (
    stacked && (request.architecture !== 'bailingmoe3' || role === 'up' || role === 'gate' || role === 'down')
  );
}

function fitRows(type: BlockFormatName, name: string, rowLength: number): BlockFormatName {
  const fits = (t: BlockFormatName) => rowLength % blockFormats[t].block === 0;
  if (fits(type)) return type;
  const smaller = smallerBlocks[type] ?? type;
  if (smaller === type && blockFormats[type].block > 32)
    fail('ggml/row-length', {
      type: `${blockFormats[type].label} (${name})`,
      rowLength,
      block: blockFormats[type].block,
    });
  return fits(smaller) ? smaller : 'float16';
}

const blockIndex = (name: string): number => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);

function layerOf(name: string, layers: number): number {
  const layer = blockIndex(name);
  if (layer < 0 || layer >= layers) fail('ggml/layer', { name, layers });
  return layer;
}

/** llama.cpp's order: tensors of no layer first, then layer by layer, each by name. */
export function inGgufOrder<T extends { readonly name: string }>(tensors: readonly T[]): T[] {
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...tensors].sort((a, b) => blockIndex(a.name) - blockIndex(b.name) || byName(a.name, b.name));
}
