// Hatched fills, so that what lies below stays readable and classes differ by more than colour.

/** @type {Map<string, CanvasPattern | string>} */
const cache = new Map();

/**
 * Diagonal lines.
 *
 * @param {string} colour of the lines
 * @param {number} spacing in pixels between two lines
 * @param {string} ground colour between them
 * @param {"/" | "\\" | "x"} [way]
 * @returns {CanvasPattern | string}
 */
export function hatch(colour, spacing, ground, way = "/") {
  const key = `${colour} ${spacing} ${ground} ${way}`;
  const kept = cache.get(key);
  if (kept) return kept;
  const ratio = Math.max(1, Math.round(devicePixelRatio));
  const size = Math.round(spacing * Math.SQRT2) * ratio;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return ground;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.1 * ratio;
  pen.beginPath();
  // Each line goes on beyond the tile, so that tiles join without a notch.
  for (const at of [-size, 0, size]) {
    if (way !== "\\") {
      pen.moveTo(at - 1, size + 1);
      pen.lineTo(at + size + 1, -1);
    }
    if (way !== "/") {
      pen.moveTo(at - 1, -1);
      pen.lineTo(at + size + 1, size + 1);
    }
  }
  pen.stroke();
  const pattern = pen.createPattern(canvas, "repeat") ?? ground;
  cache.set(key, pattern);
  return pattern;
}
