import { layerPairs } from '../graph/index.ts';
import { type MeasureChannelsOptions, measureChannels, outputChannels } from './channel-statistics.ts';

/**
 * Largest value of each channel before every Clip between two layers: what `equalize` needs to keep such a
 * Clip true (`maxima`). Empty when there is none, and then nothing is run.
 */
export async function clipMaxima(
  options: Omit<MeasureChannelsOptions, 'values'>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const pairs = await layerPairs(options.model.graph);
  const values = pairs.flatMap(({ first, clip }) =>
    clip === undefined ? [] : [{ ...outputChannels(first), value: clip.node.inputs[0]! }],
  );
  const measured = await measureChannels({ ...options, values });
  return new Map([...measured].map(([value, { max }]) => [value, max]));
}
