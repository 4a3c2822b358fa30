import type { Model } from '../model.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldConstants } from './fold-constants.ts';
import { freezeInitializers } from './freeze-initializers.ts';
import { inlineFunctions } from './inline-functions.ts';
import type { Pass, PassContext, PassResult } from './pass.ts';
import { removeDeadCode } from './remove-dead-code.ts';
import { removeIdentity } from './remove-identity.ts';
import { takeBranches } from './take-branches.ts';

/**
 * The passes that run before quantization, in order: functions become operators, constants become
 * initializers that passes can see and take the branches they decide, nodes that do nothing go so that
 * neighbours touch, batch norms and constant scales fold into the linear nodes beside them, and what is left
 * over is removed.
 */
export const simplifications: readonly Pass[] = [
  inlineFunctions,
  freezeInitializers,
  removeDeadCode,
  settleConstants,
  removeIdentity,
  (model, context) => foldBatchNorm(model, { ...context, constants: true }),
  removeDeadCode,
];

/** A branch that is taken makes more constants, which may take more branches. */
async function settleConstants(model: Model, context: PassContext = {}): Promise<PassResult> {
  for (let changes = 0; ; ) {
    changes += (await foldConstants(model, context)).changes;
    const taken = (await takeBranches(model, context)).changes;
    if (taken === 0) return { changes, notes: [] };
    changes += taken;
  }
}

/** Rewrites a model so that it computes the same in fewer nodes. Names of inputs and outputs stay. */
export async function simplify(model: Model, context: PassContext = {}): Promise<PassResult> {
  let changes = 0;
  const notes: string[] = [];
  for (const pass of simplifications) {
    const result = await pass(model, context);
    changes += result.changes;
    notes.push(...result.notes);
  }
  return { changes, notes };
}
