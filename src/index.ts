/**
 * lowbit: quantize a trained network, and prove what it cost.
 *
 * @example
 * import { quantize } from 'lowbit';
 * const record = await quantize({
 *   model: 'model.onnx', to: 'int8', calibrate: 'data/', evaluate: 'data/', output: 'model.int8.onnx',
 * });
 * console.log(record.outputs[0].measurement.metrics);
 */
export { type ObserverName, observers } from './calibration/index.ts';
export { type PresetName, presets } from './numerics/index.ts';
export {
  type CheckpointTarget,
  type CheckpointTargetName,
  type CommonOptions,
  type CompareOptions,
  type ConvertOptions,
  checkpointTargets,
  compare,
  convert,
  type DataInput,
  type DistributionOptions,
  distribution,
  type EvaluateOptions,
  evaluate,
  ggufRecipeKeys,
  inspect,
  lowbitVersion,
  type MeasureOptions,
  type ModelInput,
  type OpenedModel,
  open,
  portsOf,
  type QuantizeOptions,
  quantize,
  type Recipe,
  recipeSchema,
} from './pipeline/index.ts';
export type {
  DistributionRecord,
  FormatFit,
  ModelSummary,
  OutputRecord,
  RunEvent,
  RunRecord,
  WeightsSummary,
} from './report/index.ts';
export { type ErrorCode, type ErrorDetails, LowbitError } from './tensor/index.ts';
