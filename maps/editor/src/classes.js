// Classes of a choropleth: natural breaks (Fisher 1958, Jenks 1977), at most five, each with its count.
// maps/palette.py does the same for briefing pages; both are tested with test/classes.json.

/**
 * @typedef {object} Class
 * @property {number} low smallest value in it
 * @property {number} high largest value in it
 * @property {number} zones how many zones have a value in it
 */

/**
 * Splits values into the classes that differ least inside. Classes are the runs of the sorted values with the
 * smallest sum of squared deviations from their means; unknown values are in none.
 *
 * @param {Iterable<number | null | undefined>} values
 * @param {number} [most]
 * @returns {Class[]} in growing order; empty when nothing is known
 */
export function naturalClasses(values, most = 5) {
  const known = [...values].filter((value) => typeof value === "number" && Number.isFinite(value));
  const sorted = /** @type {number[]} */ (known).sort((a, b) => a - b);
  // Equal values stay together: the work is on distinct values with their weights.
  /** @type {number[]} */ const distinct = [];
  /** @type {number[]} */ const weights = [];
  for (const value of sorted) {
    if (distinct.at(-1) === value) weights[weights.length - 1] += 1;
    else {
      distinct.push(value);
      weights.push(1);
    }
  }
  const n = distinct.length;
  const k = Math.min(most, n);
  if (k === 0) return [];
  const cost = spread(distinct, weights);
  let best = Array.from({ length: n }, (_, end) => cost(0, end));
  /** @type {Int32Array[]} */ const starts = [new Int32Array(n)];
  for (let classes = 1; classes < k; classes += 1) {
    const next = new Array(n).fill(Infinity);
    const start = new Int32Array(n);
    for (let end = classes; end < n; end += 1) {
      for (let from = classes; from <= end; from += 1) {
        const total = best[from - 1] + cost(from, end);
        if (total < next[end]) {
          next[end] = total;
          start[end] = from;
        }
      }
    }
    best = next;
    starts.push(start);
  }
  /** @type {Class[]} */ const found = [];
  for (let classes = k - 1, end = n - 1; classes >= 0; classes -= 1) {
    const from = starts[classes][end];
    const zones = weights.slice(from, end + 1).reduce((sum, weight) => sum + weight, 0);
    found.unshift({ low: distinct[from], high: distinct[end], zones });
    end = from - 1;
  }
  return found;
}

/**
 * Which class a value is in; -1 when it is unknown.
 *
 * @param {Class[]} classes
 * @param {number | null | undefined} value
 */
export function classOf(classes, value) {
  if (typeof value !== "number") return -1;
  return classes.findIndex(({ low, high }) => value >= low && value <= high);
}

/**
 * Sum of squared deviations of a run, by prefix sums about the first value (so that digits are not lost).
 *
 * @param {number[]} values
 * @param {number[]} weights
 */
function spread(values, weights) {
  const origin = values[0];
  const count = [0];
  const sum = [0];
  const squares = [0];
  values.forEach((value, index) => {
    const off = value - origin;
    count.push(count[index] + weights[index]);
    sum.push(sum[index] + weights[index] * off);
    squares.push(squares[index] + weights[index] * off * off);
  });
  return (/** @type {number} */ from, /** @type {number} */ end) => {
    const s = sum[end + 1] - sum[from];
    return squares[end + 1] - squares[from] - (s * s) / (count[end + 1] - count[from]);
  };
}
