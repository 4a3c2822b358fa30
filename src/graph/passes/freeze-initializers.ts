import type { Model } from '../model.ts';
import type { PassResult } from './pass.ts';

/** From this IR version on, an initializer need not be listed as an input. */
const firstIrVersionWithFreeInitializers = 4;

/**
 * Makes initializers that are also inputs plain constants. Before IR version 4 every initializer had to be
 * listed as an input; from 4 on a listed one is a default that a caller may override, which ends here.
 */
export async function freezeInitializers(model: Model): Promise<PassResult> {
  const { graph } = model;
  const frozen = graph.inputs.filter((i) => graph.initializers.has(i.name));
  if (frozen.length === 0) return { changes: 0, notes: [] };
  graph.inputs = graph.inputs.filter((i) => !graph.initializers.has(i.name));
  for (const info of frozen) graph.valueInfo.set(info.name, info);
  const wasDefault = model.irVersion >= firstIrVersionWithFreeInitializers;
  model.irVersion = Math.max(model.irVersion, firstIrVersionWithFreeInitializers);
  const names = frozen.map((i) => `'${i.name}'`).join(', ');
  return {
    changes: frozen.length,
    notes: wasDefault ? [`Inputs with default values became constants: ${names}.`] : [],
  };
}
