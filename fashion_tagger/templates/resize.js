// Photos are {data, width, height} with RGB in a Uint8Array. Everything rounds as Pillow, NumPy and Python do.
const BITS = 22, HALF = 1 << (BITS - 1); // Pillow's fixed point for 8 bits
function taps(from, to) { // of the triangle filter: by new pixel, the first old one and the weights from there on
  const scale = from/to, wide = Math.max(scale, 1);
  return Array.from({length: to}, (_, i) => {
    const centre = (i + .5)*scale;
    const first = Math.max(Math.trunc(centre - wide + .5), 0), end = Math.min(Math.trunc(centre + wide + .5), from);
    const weights = [];
    for (let x = first; x < end; x++) weights.push(Math.max(1 - Math.abs((x - centre + .5)*(1/wide)), 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    return {first, weights: Int32Array.from(weights, w => .5 + w/sum*(1 << BITS))};
  });
}
function resample({data, width, height}, to, down) { // one side of a photo
  const [w, h] = down ? [width, to] : [to, height], out = new Uint8Array(3*w*h);
  const places = taps(down ? height : width, to), step = down ? 3*width : 3;
  for (let y = 0, q = 0; y < h; y++) for (let x = 0; x < w; x++) {
    const {first, weights} = places[down ? y : x];
    let r = HALF, g = HALF, b = HALF, p = down ? 3*(first*width + x) : 3*(y*width + first);
    for (const weight of weights) {
      r += weight*data[p];
      g += weight*data[p + 1];
      b += weight*data[p + 2];
      p += step;
    }
    out[q++] = r >> BITS;
    out[q++] = g >> BITS;
    out[q++] = b >> BITS;
  }
  return {data: out, width: w, height: h};
}
function resize(img, width, height) {
  const saved = img.height - height, downFirst = saved > 0 && saved > 2*(img.width - width); // as Pillow 13 chooses
  for (const down of downFirst ? [true, false] : [false, true]) {
    const to = down ? height : width;
    if (to !== (down ? img.height : img.width)) img = resample(img, to, down);
  }
  return img;
}
function crop(img, left, top, right, bottom) {
  const width = right - left, height = bottom - top, data = new Uint8Array(3*width*height);
  for (let y = 0; y < height; y++) {
    const at = 3*((top + y)*img.width + left);
    data.set(img.data.subarray(at, at + 3*width), 3*y*width);
  }
  return {data, width, height};
}

const evenRound = x => Math.abs(x % 1) === .5 ? 2*Math.round(x/2) : Math.round(x);
function borderColour({data, width, height}, tolerance) { // null if the corners differ
  const corners = [0, width - 1].flatMap(x => [0, height - 1].map(y => 3*(y*width + x)));
  const colour = [0, 1, 2].map(c => {
    const sorted = corners.map(p => data[p + c]).sort((a, b) => a - b);
    return Math.trunc((sorted[1] + sorted[2])/2);
  });
  const near = corners.every(p => colour.every((level, c) => Math.abs(data[p + c] - level) <= tolerance));
  return near ? colour : null;
}
function trimBorder(img, tolerance = 12, margin = .04) {
  const {data, width, height} = img, colour = borderColour(img, tolerance);
  if (!colour) return img;
  const [red, green, blue] = colour;
  let left = width, top = height, right = 0, bottom = 0;
  for (let y = 0, p = 0; y < height; y++) for (let x = 0; x < width; x++, p += 3) {
    const most = Math.max(Math.abs(data[p] - red), Math.abs(data[p + 1] - green), Math.abs(data[p + 2] - blue));
    if (most <= tolerance) continue;
    if (x < left) left = x;
    if (x >= right) right = x + 1;
    if (y < top) top = y;
    bottom = y + 1;
  }
  if (Math.min(right - left, bottom - top) < 8) return img;
  const keep = evenRound(margin*Math.max(right - left, bottom - top));
  return crop(img, Math.max(left - keep, 0), Math.max(top - keep, 0), Math.min(right + keep, width), Math.min(bottom + keep, height));
}

const MOST_PADDED = 90e6; // pixels
function centred({width, height}, [toHeight, toWidth], choose) { // a box of the new proportions
  const scale = choose(width/toWidth, height/toHeight);
  const w = Math.max(Math.trunc(scale*toWidth), 1), h = Math.max(Math.trunc(scale*toHeight), 1);
  const left = Math.trunc(.5*(width - w)), top = Math.trunc(.5*(height - h));
  return [left, top, left + w, top + h];
}
function mirrored(i, n) {
  const period = Math.max(2*n - 2, 1), at = ((i % period) + period) % period;
  return at < n ? at : period - at;
}
const inside = (i, n, source) => i >= 0 && i < n ? i : source(i, n);
const SOURCES = {reflect: mirrored, border: (i, n) => Math.min(Math.max(i, 0), n - 1)};
function padded(img, size, fill) {
  const [l, t, r, b] = centred(img, size, Math.max), width = r - l, height = b - t;
  if (width*height > MOST_PADDED) throw Error('too long and narrow to pad; crop it');
  const x0 = Math.max(l, 0), y0 = Math.max(t, 0), left = Math.max(-l, 0), top = Math.max(-t, 0);
  const inner = crop(img, x0, y0, Math.min(r, img.width), Math.min(b, img.height));
  const source = SOURCES[fill] || (() => -1); // -1 where nothing is but the fill
  const columns = Int32Array.from({length: width}, (_, x) => inside(x - left, inner.width, source));
  const data = new Uint8Array(3*width*height).fill(fill === 'white' ? 255 : 0);
  for (let y = 0; y < height; y++) {
    const from = inside(y - top, inner.height, source);
    if (from < 0) continue;
    for (let x = 0; x < width; x++) {
      if (columns[x] < 0) continue;
      const p = 3*(from*inner.width + columns[x]), q = 3*(y*width + x);
      data[q] = inner.data[p];
      data[q + 1] = inner.data[p + 1];
      data[q + 2] = inner.data[p + 2];
    }
  }
  return {data, width, height};
}
function fit(img, {size, method, fill}) {
  const [height, width] = size;
  if (method === 'trim') img = trimBorder(img);
  if (img.width === width && img.height === height) return img;
  if (method === 'crop') img = crop(img, ...centred(img, size, Math.min));
  if (method === 'pad') img = padded(img, size, fill);
  return resize(img, width, height);
}
