import { init } from 'echarts';
import { standaloneSvg } from 'lowbit/report';

/** A scheme on one model. */
export interface Point {
  readonly scheme: string;
  /** True bits per weight. */
  readonly bits: number;
  readonly sqnrDb: number;
  /** Accuracy or perplexity. */
  readonly metric: number;
}

export interface Picture {
  readonly name: string;
  readonly metric: string;
  readonly float: number;
  readonly points: readonly Point[];
  /** Points that no other beats at as few bits, by SQNR and by the task. */
  readonly fronts: readonly [ReadonlySet<Point>, ReadonlySet<Point>];
  readonly higherIsBetter: boolean;
}

const WIDTH = 1200;
const HEIGHT = 560;
/** Schemes of more bits lie off the picture: nothing is lost there. */
const MOST_BITS = 10;

/** Two charts side by side, as SVG: bits per weight against SQNR and against the task; the fronts named and joined. */
export function rateDistortionSvg({ name, metric, float, points, fronts, higherIsBetter }: Picture): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const shown = points.filter((p) => p.bits <= MOST_BITS && p.sqnrDb < 150);
  const metrics = shown.map((p) => p.metric);
  // A ruined model says nothing about the others: the axis ends where quality is half gone.
  const worst = higherIsBetter ? float - (float - Math.min(...metrics)) * 0.6 : float * 2;
  const measures = [
    { title: 'SQNR, dB', of: (p: Point) => p.sqnrDb, min: undefined, max: undefined },
    {
      title: metric,
      of: (p: Point) => p.metric,
      min: higherIsBetter ? worst : undefined,
      max: higherIsBetter ? undefined : worst,
    },
  ];
  try {
    chart.setOption({
      animation: false,
      title: { text: name, left: 'center', top: 0, textStyle: { fontSize: 15 } },
      grid: [
        { left: 60, width: 500, top: 60, bottom: 50 },
        { left: 660, width: 500, top: 60, bottom: 50 },
      ],
      xAxis: measures.map((_, i) => ({
        type: 'value',
        gridIndex: i,
        name: 'bits per weight',
        nameLocation: 'middle',
        nameGap: 28,
        max: MOST_BITS,
      })),
      yAxis: measures.map(({ title, min, max }, i) => ({
        type: 'value',
        gridIndex: i,
        name: title,
        scale: true,
        ...(min !== undefined && { min: Number(min.toPrecision(3)) }),
        ...(max !== undefined && { max: Number(max.toPrecision(3)) }),
      })),
      series: measures.flatMap(({ of }, i) => {
        const own = fronts[i]!;
        const best = shown.filter((p) => own.has(p)).sort((a, b) => a.bits - b.bits);
        const rest = shown.filter((p) => !own.has(p));
        const place = { xAxisIndex: i, yAxisIndex: i, clip: true };
        return [
          {
            ...place,
            type: 'scatter' as const,
            symbolSize: 5,
            itemStyle: { color: '#9aa5b1' },
            data: rest.map((p) => [p.bits, of(p)]),
          },
          {
            ...place,
            type: 'line' as const,
            symbolSize: 6,
            itemStyle: { color: '#c23531' },
            lineStyle: { width: 1 },
            label: { show: true, position: 'right' as const, fontSize: 9, formatter: '{@[2]}' },
            labelLayout: { hideOverlap: true },
            data: best.map((p) => [p.bits, of(p), p.scheme]),
          },
        ];
      }),
    });
    return standaloneSvg(chart.renderToSVGString(), `${name}: bits per weight against SQNR and ${metric}`);
  } finally {
    chart.dispose();
  }
}
