import type { DistributionRecord } from './distribution-record.ts';
import { standaloneSvg } from './standalone-svg.ts';

/** Height of the histogram, and of the strip of one scheme, in pixels. */
const HISTOGRAM = 260;
const STRIP = 26;
/** Width of a letter of a label. */
const LETTER = 6.6;

/**
 * The same picture as a stand-alone SVG, drawn by ECharts without a page: the histogram above, the levels of each
 * scheme as strips of marks below, error figures beside their names.
 */
export async function distributionSvg(record: DistributionRecord, width = 1100): Promise<string> {
  const { init } = await import('echarts');
  const { distribution: spread, formats, tensor } = record;
  const largest = Math.max(-spread.min, spread.max) || 1;
  const bins = spread.counts.length;
  const strips = formats.length * STRIP;
  const height = HISTOGRAM + strips + 130;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    const left = 70;
    const labels = formats.map(
      (f) =>
        `${f.scheme}: ${Number.isFinite(f.sqnrDb) ? `${f.sqnrDb.toFixed(1)} dB` : 'exact'}, ${f.bitsPerWeight.toFixed(2)} bits`,
    );
    const right = 30 + LETTER * Math.max(10, ...labels.map((label) => label.length));
    chart.setOption({
      animation: false,
      title: {
        text: tensor.name,
        subtext: `${spread.values} values, standard deviation ${figure(spread.deviation)}, kurtosis ${spread.kurtosis.toFixed(1)}`,
        left: 'center',
      },
      grid: [
        { left, right, top: 70, height: HISTOGRAM - 40, outerBoundsMode: 'none' },
        { left, right, top: HISTOGRAM + 70, height: Math.max(strips, 1), outerBoundsMode: 'none' },
      ],
      xAxis: [
        { type: 'value', gridIndex: 0, min: -largest, max: largest, axisLabel: { formatter: figure } },
        { type: 'value', gridIndex: 1, min: -largest, max: largest, show: false },
      ],
      yAxis: [
        { type: 'value', gridIndex: 0, name: 'values' },
        {
          type: 'category',
          gridIndex: 1,
          position: 'right',
          inverse: true,
          data: labels,
          axisLine: { show: false },
          axisTick: { show: false },
        },
      ],
      series: [
        {
          type: 'bar',
          xAxisIndex: 0,
          yAxisIndex: 0,
          barWidth: Math.max(1, (width - left - right) / bins - 0.5),
          itemStyle: { color: '#5470c6' },
          data: spread.counts.map((count, i) => [((i + 0.5) / bins) * 2 * largest - largest, count]),
        },
        {
          type: 'scatter',
          xAxisIndex: 1,
          yAxisIndex: 1,
          symbol: 'rect',
          symbolSize: [1.5, STRIP * 0.6],
          itemStyle: { color: '#c23531' },
          data: formats.flatMap((f, row) =>
            f.levels.filter((x) => Math.abs(x) <= largest * 1.001).map((x) => [x, row]),
          ),
        },
      ],
    });
    return standaloneSvg(chart.renderToSVGString(), `${tensor.name}: values and levels`);
  } finally {
    chart.dispose();
  }
}

const figure = (x: number) => String(Number(x.toPrecision(3)));
