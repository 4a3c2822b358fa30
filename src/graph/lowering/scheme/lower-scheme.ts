import {
  type CompositeScheme,
  type CompositeTensor,
  type FormatName,
  formats,
  type NumberFormat,
  plannedBits,
  type SchemeRequest,
  scaleCount,
  schemeAt,
} from '../../../numerics/index.ts';
import { elementCount, fail } from '../../../tensor/index.ts';
import type { Graph } from '../../graph.ts';
import type { Model } from '../../model.ts';
import type { Node } from '../../node.ts';
import type { Weight } from '../../weight.ts';
import { granularityText, nameOf, OneTensorCache, reshapeWeight } from '../coded-weight.ts';
import type { LoweringResult, NodeFilter } from '../lowering.ts';
import { requireOpset } from '../require-opset.ts';
import { Rewrite } from '../rewrite.ts';
import type { FoundConstant, Scope } from '../scope.ts';
import { decodeComposite, noSizes, sizesOf } from './decode-composite.ts';
import type { ByteCount } from './decode-tensor.ts';
import { type CompositeParts, encodeComposite, scaleRegionsOf } from './encode-composite.ts';
import { NodeWriter } from './node-writer.ts';
import { type PackingOptions, packProduct, type SchemeCarrier } from './packed-products.ts';
import { regionsOf } from './regions.ts';
import { runNotes } from './run-notes.ts';
import { type WeightInput, type WeightView, weightInputs } from './weight-inputs.ts';

/** Gives one weight its codes and whatever its scheme keeps beside them. Injected by the pipeline. */
export type SchemeQuantizer = (request: {
  readonly name: string;
  readonly node: Node;
  /** float32, in the shape that the scheme speaks of. */
  readonly weight: Weight;
  readonly scheme: CompositeScheme;
  readonly range?: SchemeRequest['range'];
}) => Promise<CompositeTensor>;

export interface SchemeOptions {
  readonly quantizer: SchemeQuantizer;
  readonly filter?: NodeFilter;
  /** What every weight is stored as. */
  readonly request: SchemeRequest;
  /**
   * auto (default): operators of com.microsoft that compute with packed weights where they hold the scheme exactly
   * and are no slower than float. standard: ai.onnx alone. packed: whatever keeps weights packed in memory.
   */
  readonly carrier?: SchemeCarrier;
  /** Weights that the scheme would make larger than float: left float (default), or stored all the same. */
  readonly larger?: 'float' | 'stored';
  /** MatMulNBits: 4 rounds activations to int8, 0 (default) computes in float. */
  readonly accuracyLevel?: 0 | 1 | 2 | 3 | 4;
}

/** Weights of fewer values save nothing worth the operators. */
const LEAST_VALUES = 256;

/** What a weight takes as it is. */
const FLOAT_BITS = 32;

/** GatherND with batches, and Slice, Add and Mul as they are today. */
const OPSET = 13;

/**
 * Weights in any number format of at most 256 levels: packed indices, levels and scales as constants, and operators
 * of ai.onnx that make float weights of them, equal to `dequantizeTensor` bit for bit, before the operators that
 * read them. ONNX Runtime computes these when it loads the model, so the file is small and speed is that of float.
 * The model is changed in place.
 *
 * @throws format/too-many-levels
 */
export async function lowerScheme(model: Model, options: SchemeOptions): Promise<LoweringResult> {
  const format: NumberFormat = formats[options.request.format];
  checkIndexable(options.request.format);
  await requireOpset(model, OPSET);
  const rewrite = new Rewrite(model, options.filter);
  const context: Context = { ...options, rewrite, format, cache: new OneTensorCache(), made: new Map() };
  const packing: PackingOptions = {
    rewrite,
    carrier: options.carrier ?? 'auto',
    accuracyLevel: options.accuracyLevel ?? 0,
    schemeAt: (axes) => schemeAt(options.request, axes),
    quantizer: async (weight) => (await options.quantizer({ ...weight, ...rangeOf(options) })).base,
  };
  for (const { scope, node } of rewrite.nodes()) {
    const inputs = weightInputs[node.kind];
    if (inputs === undefined || !rewrite.allows(node)) continue;
    if (packProduct(packing, scope, node)) continue;
    let done = false;
    let why: string | undefined;
    for (const input of inputs) {
      const verdict = await storeWeight(context, scope, node, input);
      if (verdict === true) done = true;
      else why ??= verdict;
    }
    if (!done && why !== undefined && why !== '') rewrite.keep(node, why);
  }
  const result = await rewrite.finish();
  return { ...result, notes: [...result.notes, ...runNotes(result.quantized)] };
}

const rangeOf = ({ request: { range } }: SchemeOptions) => (range === undefined ? {} : { range });

/** @throws format/too-many-levels for formats that an index of 8 bits cannot tell apart. */
export function checkIndexable(format: FormatName): void {
  const { bits } = formats[format];
  if (bits > 8) fail('format/too-many-levels', { format, bits });
}

interface Context extends SchemeOptions {
  readonly rewrite: Rewrite;
  readonly format: NumberFormat;
  readonly cache: OneTensorCache<CompositeParts>;
  /** Reals that are there already, by graph. */
  readonly made: Map<Graph, Map<string, string>>;
}

async function storeWeight(
  context: Context,
  scope: Scope,
  node: Node,
  { input, view }: WeightInput,
): Promise<true | string> {
  const { rewrite, request } = context;
  const name = node.inputs[input] ?? '';
  const found = rewrite.constant(scope, name);
  if (found === undefined) return node.kind === 'Gather' ? '' : 'its weight is not a constant';
  const { dtype, dims } = found.weight;
  if (dtype !== 'float32') return node.kind === 'Gather' ? '' : `its weight is ${dtype}, not float32`;
  const values = elementCount(dims);
  if (values < LEAST_VALUES) return `its weight has fewer than ${LEAST_VALUES} values`;
  const seen = view(node, dims);
  if (typeof seen === 'string') return seen;
  const scheme = schemeAt(request, seen);
  const bits = plannedBits(scheme, seen.dims);
  if (bits >= FLOAT_BITS && context.larger !== 'stored')
    return `the scheme would take ${Number(bits.toFixed(1))} bits per weight`;
  const key = JSON.stringify(['scheme', name, scheme, seen.dims]);
  const made = context.made.get(found.owner)?.get(key);
  const real = made ?? (await decodedWeight(context, { name, node, found, scheme, seen }));
  if (made === undefined) {
    const all = context.made.get(found.owner) ?? new Map<string, string>();
    context.made.set(found.owner, all.set(key, real));
  }
  scope.graph.setInput(node, input, real);
  return true;
}

/** Adds the stored parts of a weight and what makes it real, and gives the name of that. */
async function decodedWeight(
  { rewrite, quantizer, request, cache }: Context,
  weight: {
    readonly name: string;
    readonly node: Node;
    readonly found: FoundConstant;
    readonly scheme: CompositeScheme;
    readonly seen: WeightView;
  },
): Promise<string> {
  const { name, node, found, scheme, seen } = weight;
  const { dims } = seen;
  const regions = regionsOf(scheme.granularity, dims);
  const scaleRegions = scaleRegionsOf(scheme.double?.block, scaleCount(scheme.granularity, dims));
  const key = {};
  const { range } = request;
  const quantize = () => {
    const view = reshapeWeight(found.weight, dims);
    return quantizer({ name, node, weight: view, scheme, ...(range && { range }) });
  };
  const count: ByteCount = { codes: 0, scales: 0, zeroPoints: 0, books: 0, extras: 0 };
  const writer = new NodeWriter(rewrite, found.owner, name);
  const real = decodeComposite(
    writer,
    {
      scheme,
      dims,
      parts: () => cache.get(key, async () => encodeComposite(await quantize(), regions, scaleRegions)),
      regions,
      scaleRegions,
      // How many values are kept apart, and what rank is left, is known when they were found.
      ...(scheme.outliers || scheme.lowRank ? sizesOf(await quantize()) : noSizes),
    },
    count,
  );
  rewrite.record({
    name,
    node: nameOf(node),
    op: node.kind,
    format: scheme.format,
    granularity: granularityText(scheme),
    values: elementCount(dims),
    floatBytes: found.weight.byteLength,
    codeBytes: count.codes,
    scaleBytes: count.scales,
    zeroPointBytes: count.zeroPoints,
    runs: 'float-at-load',
    ...(count.books > 0 && { bookBytes: count.books }),
    ...(count.extras > 0 && { extraBytes: count.extras }),
  });
  return writer.reshape(real, found.weight.dims);
}
