/** Static integer quantization: QDQ and QOperator forms. */
export {
  type ApplyOptions,
  applyStatic,
  type CodedValue,
  type StaticResult,
  type ValueRange,
} from './apply.ts';
export { operators as staticOperators } from './operators.ts';
export {
  activationScheme,
  defaultStaticOptions,
  type StaticOptions,
  staticOpset,
  weightScheme,
} from './options.ts';
export { type PlannedNode, planKey, planStatic, type RangeRequest, type StaticPlan } from './plan.ts';
export type * from './quantizable-operator.ts';
export type { ScaleGroup } from './scale-groups.ts';
