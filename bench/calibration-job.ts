/** One quantization in a process of its own: prints a JSON line with its seconds and peak resident bytes. */
import { quantize } from 'lowbit';
import { memoryFolder } from 'lowbit/files';
import { dataOf, mobilenetv2 } from './models.ts';

const [samples, observer] = process.argv.slice(2);
const record = await quantize({
  model: mobilenetv2.file,
  to: 'int8',
  ...(await dataOf(mobilenetv2)),
  evaluate: undefined,
  calibrationSamples: Number(samples),
  observer: observer!,
  output: memoryFolder(),
  // The file is opened and checked, but not measured: the rival does not measure either.
  measure: { runs: 0, memory: false, samples: 16 },
});
const peakRssBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ seconds: record.seconds, peakRssBytes }));
