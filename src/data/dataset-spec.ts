import { z } from 'zod';
import { fail } from '../tensor/index.ts';
import { formatNames } from './readers/format-names.ts';
import { rowDTypes } from './rows.ts';

/**
 * dataset.json: which file feeds which input of the model, and what the numbers mean.
 * The reference with examples is docs/data.md.
 */

const count = z.int().min(0);
const size = z.int().min(1);
const pair = z.tuple([size, size]);

/** Where an array lies and how it is stored. */
const arrayFields = {
  /** File, or files one after another; a folder for `images` and `bytes`. */
  file: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  format: z.enum(formatNames).optional(),
  dtype: z.enum(rowDTypes).optional(),
  /** Shape of one sample as stored, without the batch. */
  shape: z.array(size).optional(),
  /** Array name in npz or safetensors, column in tsv, field in json, `pixels` or `label` in CIFAR files. */
  key: z.union([z.string(), count]).optional(),
  /** tsv: the columns that make up a row, by name or number. */
  columns: z.array(z.union([z.string(), count])).optional(),
  /** tsv: default tab for .tsv, comma for .csv. */
  separator: z.string().min(1).optional(),
  /** tsv: whether the first line names the columns. Default: whether a key or column is given by name. */
  header: z.boolean().optional(),
};

const arraySchema = z.strictObject(arrayFields);

const inputSchema = z.strictObject({
  ...arrayFields,
  /** Axis order of the file; default: found by comparing shapes. */
  layout: z.enum(['NHWC', 'NCHW']).optional(),
  /** Axis order of the model, where its shape does not tell. */
  modelLayout: z.enum(['NHWC', 'NCHW']).optional(),
  /** Channel order the model wants; pictures are stored RGB. */
  channels: z.enum(['RGB', 'BGR', 'gray']).optional(),
  /** Fed value = (stored * scale - mean) / std. `mean` and `std`: one number, or one per channel. */
  scale: z
    .union([z.number(), z.string().regex(/^1\/\d+$/, 'wanted a number, or a fraction such as "1/255"')])
    .optional(),
  mean: z.union([z.number(), z.array(z.number()).min(1)]).optional(),
  std: z.union([z.number().positive(), z.array(z.number().positive()).min(1)]).optional(),
  /** images: length of the shorter side, or [height, width]; then the centre [height, width] is cut out. */
  resize: z.union([size, pair]).optional(),
  crop: pair.optional(),
  /** Token ids: rows are cut or padded to so many; default: to the longest of the batch. */
  length: size.optional(),
  /** Token ids: what fills the end of a shorter row. */
  pad: z.number().optional(),
  /** wav: samples of one row, and from one row to the next; zeros before the first sample. */
  window: size.optional(),
  hop: size.optional(),
  padStart: count.optional(),
  /** wav: the rate the model wants; a file of another rate is refused. */
  sampleRate: size.optional(),
  /** wav: which channel; default: the mean of all. */
  channel: count.optional(),
  /** bytes: bytes from the start and from the end of each file; shorter files are filled with `pad`. */
  head: count.optional(),
  tail: count.optional(),
  /** A constant: every element is `value`. `shape` as the model wants it, 'batch' for the batch. */
  value: z.number().optional(),
  fill: z.array(z.union([size, z.literal('batch')])).optional(),
  /** A constant in the shape of another input (token_type_ids). */
  like: z.string().optional(),
  /** 1 where the named input has a token, 0 where it is padded (attention_mask). */
  mask: z.string().optional(),
});

const labelSchema = z.strictObject({
  ...arrayFields,
  /** Classes are the subfolders of an `images` or `bytes` folder. */
  folders: z.boolean().optional(),
});

const specSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().optional(),
  task: z.enum(['classification', 'binary', 'regression', 'none']).optional(),
  inputs: z.record(z.string(), inputSchema),
  labels: labelSchema.optional(),
  /** Names by class number, or a text file with one per line. */
  labelNames: z.union([z.array(z.string()).min(1), z.strictObject({ file: z.string() })]).optional(),
  /** Target tensors by output name, for regression. */
  targets: z.record(z.string(), arraySchema).optional(),
  /** Output that the task reads. */
  output: z.string().optional(),
  /** Named sample ranges [start, end): `folder#name` opens one. */
  splits: z.record(z.string(), z.tuple([count, count])).optional(),
});

export type ArraySpec = z.infer<typeof arraySchema>;
export type InputSpec = z.infer<typeof inputSchema>;
export type LabelSpec = z.infer<typeof labelSchema>;
/** What dataset.json says. */
export type DatasetSpec = z.infer<typeof specSchema>;

/**
 * Checks a spec from a file or from code.
 * @throws data/spec-invalid with every problem and its place; unknown keys are problems.
 */
export function parseDatasetSpec(value: unknown, where: string): DatasetSpec {
  const parsed = specSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const place = issue.path.length === 0 ? 'the top' : `'${issue.path.join('.')}'`;
    return `${place}: ${issue.message}`;
  });
  fail('data/spec-invalid', { where, problems });
}

/** JSON Schema of dataset.json, for editors. */
export const datasetJsonSchema = (): unknown => z.toJSONSchema(specSchema);
