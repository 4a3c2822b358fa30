import { checkIndexable } from '../graph/index.ts';
import { formats, type Preset, parseScheme, type SchemeRequest, schemeText } from '../numerics/index.ts';
import { fail } from '../tensor/index.ts';

/** Whether a name of `to` is a number format: 'format:nf4/64'. */
export const isFormatTarget = (name: string): boolean => /^format:/i.test(name);

/**
 * The preset that 'format:nf4/64+double' stands for.
 * @throws scheme/text, name/unknown; format/too-many-levels, recipe/invalid for what ONNX files cannot hold
 */
export function presetOfFormat(name: string): Preset {
  const request = requestOf(name);
  const { format, choice } = request;
  return {
    kind: 'scheme',
    description: formats[format].description,
    weights: { format, granularity: 'per-channel', ...choice },
    scheme: request,
    needsCalibration: false,
  };
}

/** How records call it: the scheme in full, as 'format:nf4/64' for 'format:NF4'. Other names stay. */
export const formatLabel = (name: string): string =>
  isFormatTarget(name) ? `format:${schemeText(requestOf(name))}` : name;

/** What a file of this preset is called: 'nf4-64+outliers-0.5pct' for a format, else the preset's name. */
export const fileLabel = (name: string): string =>
  isFormatTarget(name)
    ? bare(name)
        .replaceAll('%', 'pct')
        .replace(/[^a-z0-9.+_]+/g, '-')
    : name;

const bare = (name: string): string => name.slice('format:'.length);

function requestOf(name: string): SchemeRequest {
  const request = parseScheme(bare(name));
  checkIndexable(request.format);
  if (request.entropy) {
    fail('recipe/invalid', {
      problems: [
        `to: ${name}: ONNX has no operator that decodes entropy-coded weights; write -o model.lowbit, which packs the ONNX file; for a folder of safetensors, --to safetensors:${bare(name)}; or leave +rans out`,
      ],
    });
  }
  return request;
}
