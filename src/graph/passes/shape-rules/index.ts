import { controlFlowRules } from './control-flow.ts';
import { convolutionRules } from './convolution.ts';
import { elementwiseRules } from './elementwise.ts';
import { indexingRules } from './indexing.ts';
import { layoutRules } from './layout.ts';
import { matmulRules } from './matmul.ts';
import { quantizationRules } from './quantization.ts';
import { recurrentRules } from './recurrent.ts';
import type { RuleTable } from './rule.ts';

/** How each kind of node makes the types of its outputs; `domain.op` outside ai.onnx. */
export const shapeRules: RuleTable = {
  ...elementwiseRules,
  ...convolutionRules,
  ...matmulRules,
  ...layoutRules,
  ...indexingRules,
  ...recurrentRules,
  ...controlFlowRules,
  ...quantizationRules,
};

export { contentRules } from './content.ts';
export * from './rule.ts';
