import { evaluate } from 'lowbit';
import type { Command } from '../command.ts';
import { commonFlags, dataSpecFlag, limitFlags, measureFlags, runFlags } from '../flags.ts';
import { openData } from '../open-data.ts';
import { runWithProgress } from '../run-with-progress.ts';

export const evaluateCommand: Command = {
  meta: { name: 'evaluate', description: 'Measure a model on data, alone or against the float model.' },
  args: {
    model: {
      type: 'positional',
      description: 'ONNX file or URL; a GGUF file for perplexity (needs node-llama-cpp).',
    },
    data: {
      type: 'string',
      required: true,
      valueHint: 'data',
      description: 'Data to measure on: a folder, a file, or either with #split.',
      group: 'Data',
    },
    against: {
      type: 'string',
      valueHint: 'model',
      description: 'The float model to compare with.',
      group: 'Data',
    },
    metric: {
      type: 'enum',
      options: ['perplexity'],
      description: 'What to measure of a GGUF file; ONNX models: by the data.',
      group: 'Measure',
    },
    context: {
      type: 'string',
      number: true,
      least: 4,
      valueHint: 'n',
      description: 'GGUF: tokens of a chunk. Default 512. --samples takes fewer chunks.',
      group: 'Measure',
    },
    ...dataSpecFlag,
    ...limitFlags,
    ...measureFlags,
    ...runFlags,
    ...commonFlags,
  },
  examples: [
    'lowbit evaluate model.onnx --data data#test',
    'lowbit evaluate model.int8.onnx --data data/ --against model.onnx --max-drop 0.5%',
    'lowbit evaluate model.onnx --data data/ --min-metric "top-1>=0.9" --json > result.json',
    'lowbit evaluate model.gguf --data text.txt --metric perplexity --against model.f16.gguf',
  ],
  async execute(run) {
    const { flags } = run;
    const model = flags.positionals[0]!;
    const data = (await openData(flags.text('data'), model, flags))!;
    const [against, maxDrop, minMetric] = ['against', 'max-drop', 'min-metric'].map((name) =>
      flags.text(name),
    );
    return runWithProgress(run, (options) =>
      evaluate({
        model,
        data,
        ...(against && { against }),
        ...(flags.text('metric') && { metric: 'perplexity' }),
        ...(flags.number('context') !== undefined && { context: flags.number('context')! }),
        ...(maxDrop && { maxDrop }),
        ...(minMetric && { minMetric }),
        ...options,
      }),
    );
  },
};
