/** Recipe in, record out. */

export {
  type CheckpointTarget,
  type CheckpointTargetName,
  checkpointTargets,
} from './checkpoint/checkpoint-targets.ts';
export { type ConvertOptions, convert } from './convert.ts';
export { type DistributionOptions, distribution } from './distribution.ts';
export { compare, evaluate } from './evaluate.ts';
export { inspect } from './inspect.ts';
export { type OpenedModel, openModel as open, portsOf } from './open-model.ts';
export { quantize } from './quantize.ts';
export { defaultObserver } from './quantize-run.ts';
export * from './recipe.ts';
export { lowbitVersion } from './version.ts';
