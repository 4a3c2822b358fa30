import { attributesToInputs } from './attributes-to-inputs.ts';
import { resizeSteps } from './resize.ts';
import { semanticSteps } from './semantics.ts';
import type { StepTable } from './step.ts';

/**
 * Operators of ai.onnx between versions 7 and 26 by the versions that changed them incompatibly. All other
 * versions only added element types, optional inputs or attributes whose default is the old behaviour.
 */
export const opsetSteps: StepTable = { ...attributesToInputs, ...resizeSteps, ...semanticSteps };

export { type Step, StepContext } from './step.ts';
