/** The standard normal distribution in doubles: density, distribution, quantiles. */
export const normalDistribution = { density, cdf, quantile };

function density(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/**
 * P(Z <= x). Near the middle the series x + x^3/3 + x^5/15 + ... (Marsaglia 2004, J. Stat. Software 11(4)), in the
 * tails the continued fraction of Laplace, so that small probabilities keep their digits.
 */
function cdf(x: number): number {
  if (x > 3) return 1 - upperTail(x);
  if (x < -3) return upperTail(-x);
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > Math.abs(sum) * 1e-18; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + sum * density(x);
}

/** P(Z > x) for x > 3: density / (x + 1 / (x + 2 / (x + 3 / ...))). */
function upperTail(x: number): number {
  let fraction = x;
  for (let n = 100; n > 0; n--) fraction = x + n / fraction;
  return density(x) / fraction;
}

/**
 * The x with P(Z <= x) = p, by Newton's method on `cdf` from the logistic curve's quantile. `p` in (0, 1); the
 * last steps move by less than a few units in the last place.
 */
function quantile(p: number): number {
  if (p > 0.5) return -quantile(1 - p);
  let x = Math.max(Math.log(p / (1 - p)) / 1.702, -Math.sqrt(-2 * Math.log(p)));
  for (let i = 0; i < 50; i++) {
    const miss = (cdf(x) - p) / density(x);
    // Halley's correction: the curvature of the distribution is -x times its density.
    const step = miss / (1 + 0.5 * x * miss);
    x -= step;
    if (Math.abs(step) <= 1e-15 * Math.abs(x)) break;
  }
  return x;
}
