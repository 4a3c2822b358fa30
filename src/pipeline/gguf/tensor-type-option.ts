import { type BlockFormatName, blockFormats } from '../../numerics/index.ts';
import { fail } from '../../tensor/index.ts';

const byLabel: ReadonlyMap<string, BlockFormatName> = new Map(
  Object.entries(blockFormats).map(([name, { label }]) => [label, name as BlockFormatName]),
);

/** A ggml type by its label, whatever its case: 'q4_K', 'F16'. @throws name/unknown */
export function parseTensorType(label: string): BlockFormatName {
  const type = byLabel.get(label.toUpperCase());
  if (type === undefined)
    fail('name/unknown', { what: 'tensor type', got: label.toUpperCase(), known: [...byLabel.keys()] });
  return type;
}

/** Types of tensors by pattern, as llama-quantize's --tensor-type takes them. */
export interface TensorTypeRule {
  readonly pattern: RegExp;
  /** As it was given. */
  readonly text: string;
  readonly type: BlockFormatName;
}

/**
 * The pattern is a regular expression that is searched in the tensor's name, whatever the case. The first that is
 * found wins.
 * @throws recipe/invalid for what is no regular expression; name/unknown for a type
 */
export function parseTensorTypes(rules: Readonly<Record<string, string>>): TensorTypeRule[] {
  return Object.entries(rules).map(([text, label]) => {
    let pattern: RegExp;
    try {
      pattern = new RegExp(text, 'i');
    } catch (cause) {
      fail(
        'recipe/invalid',
        { problems: [`tensorTypes: '${text}' is no regular expression: ${(cause as Error).message}`] },
        cause,
      );
    }
    return { pattern, text, type: parseTensorType(label) };
  });
}
