/** Quantities as people read them: three significant digits, the unit beside. Deterministic, no locale. */

const thousands = (text: string) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** 10000 -> '10,000'. */
export const formatCount = (value: number): string => thousands(String(Math.round(value)));

/** Three significant digits without an exponent: 0.0421, 4.21, 42.1, 421, 4210. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const digits = size === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(digits, 6));
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units, as disks and downloads count: 159191 -> '159 kB'. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // 999.5 would print as 1000 of the smaller unit.
  while (Math.abs(value) >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : formatNumber(value)} ${byteUnits[unit]}`;
}

/** 0.33 -> '0.33x'; ratios of sizes and of times. */
export const formatRatio = (value: number): string => `${value.toFixed(2)}x`;

/** A fraction as percent: 0.98661 -> '98.66 %'. */
export const formatPercent = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`;

/** Seconds as '0.8 s', '12 s', '3 min 05 s', '1 h 02 min'. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** SQNR is held within +-400 dB: at the top, as with infinity (null, out of JSON), not one bit differs. */
const exactDb = 400;

/** Whether a signal to noise ratio says that nothing differs. */
export const isExact = (db: number | null): boolean => db === null || db >= exactDb;

/** Signal to noise in decibels; 'exact' where not one bit differs. */
export const formatDecibels = (db: number | null): string =>
  isExact(db) ? 'exact' : `${(db as number).toFixed(1)} dB`;
