import { arithmeticEvaluators } from './arithmetic.ts';
import type { EvaluatorTable } from './evaluator.ts';
import { generatorEvaluators } from './generators.ts';
import { layoutEvaluators } from './layout.ts';
import { reduceEvaluators } from './reduce.ts';

/**
 * Operators that are computed on constants while the model is rewritten. Absent on purpose:
 * DequantizeLinear (its constant is the smaller one) and everything random.
 */
export const evaluators: EvaluatorTable = {
  ...layoutEvaluators,
  ...arithmeticEvaluators,
  ...reduceEvaluators,
  ...generatorEvaluators,
};

export { type Evaluator, hasSlots, type Numbers } from './evaluator.ts';
export { runConstantNode } from './run-constant-node.ts';
