import type { TensorSource } from '../files/index.ts';
import { dtypes, fail, nearest } from '../tensor/index.ts';
import type { BandSlot } from './computed-tensors.ts';
import type { ModelFacts, TensorRow } from './family.ts';
import { makeTensor, storedShape, type TensorForm } from './tensor-forms.ts';

/**
 * Tensors that llama.cpp reads in float32 only. Source: the converter of llama.cpp v0.5.0, prepare_tensors.
 * Vectors and everything that is not named weight are too.
 */
const inFloat32 = /(_norm|ffn_gate_inp|ffn_gate_inp_shexp|position_embd|token_types)\.weight$/;

const keepsFloat32 = (name: string, shape: readonly number[]) =>
  shape.length <= 1 || !name.endsWith('.weight') || inFloat32.test(name);

/**
 * Makes the tensors of GGUF out of those of the checkpoint, row by row of the family's table.
 * @param tensors by the names that the rows use
 * @throws checkpoint/tensor-missing, checkpoint/tensor-shape, checkpoint/tensor-type, checkpoint/tensor-unexpected
 */
export function bindTensors(
  facts: ModelFacts,
  tensors: ReadonlyMap<string, TensorSource>,
): readonly TensorSource[] {
  const { family, sizes } = facts;
  const slot: BandSlot = {};
  const used = new Set<string>();
  const bound: TensorSource[] = [];
  const bind = (row: TensorRow, layer?: number) => {
    if (row.when !== undefined && !row.when(facts)) return;
    const form = chosenForm(row, facts, tensors, layer);
    const name = inLayer(row.to, layer);
    const shape = sizes.shape(row.shape);
    const stored = storedShape(form, shape);
    const parts = partNames(form, facts, layer).map((part) => {
      const tensor = tensors.get(part) ?? refuseMissing(facts, tensors, used, part, name);
      used.add(part);
      return checkedTensor(facts, tensor, stored);
    });
    sameType(parts);
    const tensor = makeTensor({ form, facts, name, shape, parts, slot });
    bound.push(keepsFloat32(name, shape) ? { ...tensor, keep: 'float32' } : tensor);
  };
  const perLayer = family.tensors.filter(({ to }) => to.includes('{layer}'));
  const first = family.tensors.findIndex(({ to }) => to.includes('{layer}'));
  const once = (from: number, to?: number) =>
    family.tensors.slice(from, to).filter(({ to: name }) => !name.includes('{layer}'));
  for (const row of once(0, first)) bind(row);
  for (let layer = 0; layer < sizes.get('layers'); layer++) for (const row of perLayer) bind(row, layer);
  for (const row of once(first)) bind(row);
  refuseRest(facts, tensors, used);
  return bound;
}

const inLayer = (name: string, layer?: number) =>
  layer === undefined ? name : name.replace('{layer}', String(layer));

const formsOf = ({ from }: TensorRow): readonly TensorForm[] =>
  Array.isArray(from) ? from : [from as TensorForm];

/** Names of the tensors that a form takes; the first is enough to tell whether the checkpoint has that form. */
function* namesOf(form: TensorForm, facts: ModelFacts, layer?: number): Generator<string> {
  const name = inLayer(form.from, layer);
  if (form.kind !== 'stacked') yield name;
  else for (let i = 0; i < facts.sizes.get(form.over); i++) yield name.replace('{part}', String(i));
}

const partNames = (form: TensorForm, facts: ModelFacts, layer?: number): string[] => {
  const names: string[] = [];
  for (const name of namesOf(form, facts, layer)) {
    names.push(name);
    // A number of parts that no checkpoint has must not fill memory: the first that is missing is the error.
    if (!facts.has(name)) break;
  }
  return names;
};

function chosenForm(
  row: TensorRow,
  facts: ModelFacts,
  tensors: ReadonlyMap<string, TensorSource>,
  layer?: number,
): TensorForm {
  const forms = formsOf(row);
  return forms.find((form) => tensors.has(namesOf(form, facts, layer).next().value!)) ?? forms[0]!;
}

/** Comparing names takes time that grows with their number, and a model of many experts has very many. */
const MOST_COMPARED = 2000;

function refuseMissing(
  { family }: ModelFacts,
  tensors: ReadonlyMap<string, TensorSource>,
  used: ReadonlySet<string>,
  tensor: string,
  makes: string,
): never {
  const rest = [...tensors.keys()].filter((name) => !used.has(name));
  const near = rest.length > MOST_COMPARED ? undefined : nearest(tensor, rest);
  return fail('checkpoint/tensor-missing', {
    tensor,
    family: family.name,
    makes,
    ...(near !== undefined && { near }),
  });
}

function checkedTensor(
  { config }: ModelFacts,
  tensor: TensorSource,
  wanted: readonly number[],
): TensorSource {
  const { name, shape, type } = tensor;
  if (withoutOnes(shape).join() !== withoutOnes(wanted).join()) {
    fail('checkpoint/tensor-shape', { file: config.file, tensor: name, got: shape, wanted });
  }
  if (dtypes[type as keyof typeof dtypes]?.kind !== 'float') {
    fail('checkpoint/tensor-type', { tensor: name, got: type });
  }
  return tensor;
}

/** Axes of length 1 in front say nothing. */
const withoutOnes = (shape: readonly number[]) => shape.slice(shape.findIndex((dim) => dim !== 1));

function sameType(parts: readonly TensorSource[]): void {
  const [first, ...rest] = parts;
  const other = rest.find(({ type }) => type !== first!.type);
  if (other !== undefined) {
    fail('checkpoint/tensor-type', {
      tensor: other.name,
      got: other.type,
      like: { tensor: first!.name, type: first!.type },
    });
  }
}

/** Tensors that are named in an error; the rest is counted. */
const NAMED = 5;

function refuseRest(
  { family }: ModelFacts,
  tensors: ReadonlyMap<string, TensorSource>,
  used: ReadonlySet<string>,
): void {
  const rest = [...tensors.keys()].filter((name) => !used.has(name));
  if (rest.length === 0) return;
  fail('checkpoint/tensor-unexpected', {
    tensors: rest.slice(0, NAMED),
    more: Math.max(0, rest.length - NAMED),
    family: family.name,
  });
}
