import type { Batch, Task } from '../data/index.ts';
import { toFloat32 } from '../numerics/index.ts';
import { fail, type Tensor } from '../tensor/index.ts';

/** What is kept of each sample: enough for every metric of its task, and a few numbers only. */
export type SampleColumns =
  /** `predicted` is the argmax, `rank` how many classes score above the label (-1 without labels). */
  | {
      readonly kind: 'classes';
      readonly predicted: number[];
      readonly rank: number[];
      readonly label: number[];
    }
  /** One score per sample; class 1 where it is above the threshold. */
  | { readonly kind: 'score'; readonly score: number[]; readonly label: number[]; margin: boolean }
  /** Mean squared and mean absolute error over the elements of a sample. */
  | { readonly kind: 'values'; readonly squared: number[]; readonly absolute: number[] }
  /** The output is no score, and there is nothing to hold it against. */
  | { readonly kind: 'nothing' };

/** Reads the output that the task is about, batch by batch. */
export class SampleLog {
  readonly task: Task;
  readonly output: string;
  columns: SampleColumns | undefined;
  /** Classes of the output; 0 where it has none. */
  classes = 0;
  samples = 0;

  constructor(task: Task, output: string) {
    this.task = task;
    this.output = output;
  }

  /**
   * @throws evaluation/output-shape when the output does not fit the task,
   * evaluation/label-range, evaluation/no-labels.
   */
  update(result: Tensor, batch: Batch): void {
    if (result.dims[0] !== batch.size && !(batch.size === 1 && result.dims.length === 0)) {
      this.#shape(result, `[${batch.size}, ...]: one row per sample`);
    }
    const width = result.data.length / batch.size;
    this.columns ??= this.#columnsFor(result, width);
    const columns = this.columns;
    if (columns.kind !== 'nothing') {
      const values = toFloat32(result);
      if (columns.kind === 'classes') this.#logClasses(columns, values, width, batch);
      else if (columns.kind === 'score') this.#logScores(columns, values, width, batch);
      else this.#logValues(columns, values, width, batch, result);
    }
    this.samples += batch.size;
  }

  #columnsFor(result: Tensor, width: number): SampleColumns {
    const classes = (): SampleColumns => ({ kind: 'classes', predicted: [], rank: [], label: [] });
    const score = (): SampleColumns => ({ kind: 'score', score: [], label: [], margin: width === 2 });
    switch (this.task) {
      case 'classification':
        if (width < 2) this.#shape(result, '[batch, classes] with two classes or more');
        this.classes = width;
        return classes();
      case 'binary':
        if (width !== 1 && width !== 2) this.#shape(result, '[batch], [batch, 1] or [batch, 2]');
        return score();
      case 'regression':
        return { kind: 'values', squared: [], absolute: [] };
      case 'none': {
        // Rows of scores are decisions; anything with more axes is a picture, a sequence, a hidden state.
        if (!['float32', 'float16', 'float64'].includes(result.dtype)) return { kind: 'nothing' };
        if (width === 1) return score();
        if (result.dims.length !== 2) return { kind: 'nothing' };
        this.classes = width;
        return classes();
      }
    }
  }

  #logClasses(
    columns: SampleColumns & { kind: 'classes' },
    values: Float32Array,
    width: number,
    batch: Batch,
  ): void {
    for (let i = 0; i < batch.size; i++) {
      const row = values.subarray(i * width, (i + 1) * width);
      let best = 0;
      for (let k = 1; k < width; k++) if (row[k]! > row[best]!) best = k;
      columns.predicted.push(best);
      if (this.task === 'none') continue;
      const label = this.#label(batch, i, width);
      columns.label.push(label);
      columns.rank.push(rankOf(row, label));
    }
  }

  #logScores(
    columns: SampleColumns & { kind: 'score' },
    values: Float32Array,
    width: number,
    batch: Batch,
  ): void {
    for (let i = 0; i < batch.size; i++) {
      columns.score.push(columns.margin ? values[2 * i + 1]! - values[2 * i]! : values[i * width]!);
      if (this.task !== 'none') columns.label.push(this.#label(batch, i, 2));
    }
  }

  #logValues(
    columns: SampleColumns & { kind: 'values' },
    values: Float32Array,
    width: number,
    batch: Batch,
    result: Tensor,
  ): void {
    const target = batch.targets?.[this.output];
    if (target === undefined)
      fail('evaluation/no-labels', { task: 'regression', wanted: `targets for '${this.output}'` });
    const wanted = toFloat32(target);
    if (wanted.length !== values.length)
      this.#shape(result, `[${target.dims.join(', ')}], the targets' shape`);
    for (let i = 0; i < batch.size; i++) {
      let squared = 0;
      let absolute = 0;
      for (let k = i * width; k < (i + 1) * width; k++) {
        const error = values[k]! - wanted[k]!;
        squared += error * error;
        absolute += Math.abs(error);
      }
      columns.squared.push(squared / width);
      columns.absolute.push(absolute / width);
    }
  }

  #label(batch: Batch, i: number, classes: number): number {
    const label = batch.labels?.[i];
    if (label === undefined)
      fail('evaluation/no-labels', { task: this.task, wanted: 'one label per sample' });
    if (label < 0 || label >= classes) {
      fail('evaluation/label-range', { sample: this.samples + i, label, classes, output: this.output });
    }
    return label;
  }

  #shape(result: Tensor, wanted: string): never {
    const got = `[${result.dims.join(', ')}]`;
    fail('evaluation/output-shape', { output: this.output, task: this.task, got, wanted });
  }
}

/** How many classes are chosen before `label`: those that score more, and equal ones with a lower index. */
function rankOf(row: Float32Array, label: number): number {
  const own = row[label]!;
  let rank = 0;
  for (let k = 0; k < row.length; k++) if (row[k]! > own || (row[k] === own && k < label)) rank++;
  return rank;
}
