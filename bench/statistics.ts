/** @returns the value below which `share` of the values lie, rounded to µs for ms. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(3));
}

/** @returns the geometric mean. */
export function geomean(values: readonly number[]): number {
  return Number(Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length).toFixed(3));
}
