const $ = id => document.getElementById(id);
{% include 'elements.js' %}
const percent = p => p > .995 ? '> 99%' : p < .005 ? '< 1%' : Math.round(100*p) + '%';

// From a file to the pixels that the network sees, as `Tagger.pixels` has them
const STRIP = 256; // rows read at a time: phones limit the size of a canvas
function readPixels(bitmap, s) { // RGB on white; each s x s pixels become their mean, as libjpeg decodes to 1/s
  const {width, height} = bitmap, w = Math.ceil(width/s), h = Math.ceil(height/s), data = new Uint8Array(3*w*h);
  const canvas = el('canvas', {width, height: Math.min(height, STRIP)});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.fillStyle = '#fff';
  for (let top = 0, q = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const rgba = context.getImageData(0, 0, width, rows).data;
    for (let y = 0; y < rows; y += s) for (let x = 0; x < w; x++) for (let c = 0; c < 3; c++) {
      let sum = s*s >> 1;
      for (let j = y; j < y + s; j++) for (let i = x*s; i < x*s + s; i++) {
        sum += rgba[4*(Math.min(j, rows - 1)*width + Math.min(i, width - 1)) + c];
      }
      data[q++] = sum/(s*s);
    }
  }
  return {data, width: w, height: h};
}
function draftScale({width, height}, {size, draft}) {
  const times = Math.floor(Math.min(width, height)/(2*Math.max(...size)));
  return draft ? [8, 4, 2, 1].find(s => times >= s || s === 1) : 1;
}
const PROFILE = /ICC_PROFILE\0|iCCP|ICCP|colr(prof|rICC)/;
async function pixels(file, settings = SETTINGS) {
  const head = new TextDecoder('latin1').decode(await file.slice(0, 1e6).arrayBuffer());
  const colorSpaceConversion = PROFILE.test(head) ? 'default' : 'none'; // colours are moved by a profile only
  let bitmap;
  try { bitmap = await createImageBitmap(file, {colorSpaceConversion}); }
  catch { throw Error('this browser cannot open it' + (/^....ftyp(he|mi|ms)/s.test(head) ? '; save it as a JPEG' : '')); }
  const scale = head.startsWith('\u00ff\u00d8\u00ff') ? draftScale(bitmap, settings) : 1;
  const img = readPixels(bitmap, scale);
  bitmap.close();
  return fit(img, settings).data;
}

// The network and its answers, as `Tagger.predict` has them
async function unpack(id) {
  const text = atob($(id).textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  $(id).remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
async function loadNetwork() {
  ort.env.wasm.numThreads = 1; // more need headers that few static hosts send
  ort.env.wasm.wasmBinary = await unpack('wasm');
  return ort.InferenceSession.create(await unpack('model'), {executionProviders: ['wasm']});
}
const loaded = new Promise(done => addEventListener('DOMContentLoaded', done)).then(loadNetwork);
function answerOf(target, p) {
  const likeliest = target.words.map((word, i) => [word, p[i]]).sort((a, b) => b[1] - a[1]);
  const threshold = i => Array.isArray(target.threshold) ? target.threshold[i] : Math.fround(target.threshold ?? 0);
  if (target.kind !== 'tags') {
    const [value, most] = likeliest[0];
    return {value: most >= threshold(0) ? value : null, p: most, likeliest}; // null: not sure
  }
  const applies = new Set(target.words.filter((_, i) => p[i] >= threshold(i)));
  const value = likeliest.filter(([word]) => applies.has(word)).map(([word]) => word);
  return {value, p: Object.fromEntries(target.words.map((word, i) => [word, p[i]])), likeliest};
}
async function readUnlike() { // what is usual, as `Unlike` has it
  const all = new Float32Array((await unpack('unlike')).buffer), {features, dims, values} = SETTINGS.unlike, parts = [];
  let at = 0;
  for (const n of [features, features, features*dims, dims*values, values, 3]) parts.push(all.subarray(at, at += n));
  return parts;
}
const usual = SETTINGS.unlike && new Promise(done => addEventListener('DOMContentLoaded', done)).then(readUnlike);
async function unlike(x) { // 0: as usual; up to 1: like 99 in 100 ordinary photos; more: unlike
  const [mean, std, basis, weight, bias, [scale, median, limit]] = await usual, {features, dims, values, most} = SETTINGS.unlike;
  const inside = new Float64Array(dims), logits = Float64Array.from(bias);
  let whole = 0, within = 0;
  for (let i = 0; i < features; i++) {
    const z = Math.min(Math.max((x[i] - mean[i])/std[i], -most), most);
    whole += z*z;
    for (let j = 0; j < dims; j++) inside[j] += z*basis[i*dims + j];
  }
  for (let j = 0; j < dims; j++) {
    within += inside[j]**2;
    for (let k = 0; k < values; k++) logits[k] += inside[j]*weight[j*values + k];
  }
  const largest = Math.max(...logits), energy = values ? -largest - Math.log(logits.reduce((sum, l) => sum + Math.exp(l - largest), 0)) : 0;
  return Math.max(scale*Math.sqrt(Math.max(whole - within, 0)) + energy - median, 0)/(limit - median);
}
async function predict(file) {
  const {size: [height, width], targets} = SETTINGS, network = await loaded;
  const given = {pixels: new ort.Tensor('uint8', await pixels(file), [1, height, width, 3])};
  const out = await network.run(given, [...targets.map(t => t.output), ...(usual ? [SETTINGS.unlike.output] : [])]);
  const answers = Object.fromEntries(targets.map(t => [t.name, answerOf(t, out[t.output].data)]));
  const score = usual ? await unlike(out[SETTINGS.unlike.output].data) : null;
  return {answers, unlike: score};
}

// Photos: a card each, answered in turn
const photos = [], waiting = [], SHOWN = 5, LIKELY = .02;
let running = false;
function add(files) {
  const first = $('cards').firstElementChild;
  for (const file of files) {
    const photo = {file, answers: null, unlike: null, error: null};
    photos.push(photo);
    waiting.push(photo);
    addCard(photo, first);
  }
  count();
  if (!running) work();
}
async function work() {
  running = true;
  while (waiting.length) {
    const photo = waiting.shift();
    try { Object.assign(photo, await predict(photo.file)); }
    catch (e) { photo.error = photo.file.name + ': ' + e.message; }
    const warned = photo.error || (photo.unlike > 1 ? 'Unlike the photos that this tagger was trained on: do not trust its answers.' : '');
    const lines = warned ? [el('p', {className: 'error', textContent: warned})] : [];
    photo.targets.replaceChildren(...lines, ...(photo.error ? [] : SETTINGS.targets.map(t => bars(t, photo.answers[t.name]))));
    count();
    await new Promise(done => setTimeout(done)); // the browser draws
  }
  running = false;
}
function addCard(photo, before) {
  const name = photo.file.name || 'photo', url = URL.createObjectURL(photo.file);
  const img = el('img', {src: url, alt: name, decoding: 'async'});
  img.addEventListener('load', () => URL.revokeObjectURL(url));
  img.addEventListener('error', () => img.replaceWith(el('span', {className: 'gone', textContent: 'This browser cannot show ' + name})));
  const away = el('button', {type: 'button', className: 'plain', textContent: 'Remove', ariaLabel: 'Remove ' + name});
  away.addEventListener('click', () => remove(photo));
  photo.targets = el('div', {className: 'targets'}, el('p', {className: 'wait', textContent: 'Waiting for an answer ...'}));
  photo.card = el('li', {className: 'photo-card'}, el('figure', null, img, el('figcaption', null, el('span', {textContent: name}), away)), photo.targets);
  $('cards').insertBefore(photo.card, before);
}
function remove(photo) {
  photos.splice(photos.indexOf(photo), 1);
  if (waiting.includes(photo)) waiting.splice(waiting.indexOf(photo), 1);
  const next = photo.card.nextElementSibling || photo.card.previousElementSibling;
  photo.card.remove();
  (next?.querySelector('button') || $('files')).focus();
  count();
}
function bar([word, p], answered) {
  return el('li', {className: answered ? 'word answered' : 'word'}, el('i', {style: {'--p': p}}), el('span', {textContent: word}), el('small', {textContent: percent(p)}));
}
function bars(target, {value, likeliest}) {
  const values = [value ?? []].flat(), several = target.kind === 'tags';
  const shown = likeliest.filter(([word, p], i) => values.includes(word) || i < SHOWN && (several || p >= LIKELY));
  const rest = likeliest.filter(pair => several && !shown.includes(pair));
  const list = pairs => el('ul', {className: several ? 'words two-columns' : 'words'}, ...pairs.map(pair => bar(pair, values.includes(pair[0]))));
  const heading = el('h3', {textContent: target.name + ': '}, el('b', {textContent: values.join(', ') || (several ? 'none' : 'not sure')}));
  const more = rest.length ? el('details', null, el('summary', {textContent: plural(rest.length, 'other tag')}), list(rest)) : null;
  return el('section', {className: several ? 'wide' : ''}, heading, list(shown), more);
}
function count() {
  const done = photos.filter(p => p.answers || p.error).length;
  $('progress').textContent = !photos.length ? '' : done < photos.length ? done + ' of ' + plural(photos.length, 'photo') : plural(done, 'photo');
  document.body.classList.toggle('has-photos', photos.length > 0);
  document.querySelector('.save').hidden = !done;
}

// A table as `fashion-tagger tag` writes it
function rows() {
  const {targets} = SETTINGS, fixed = p => p.toFixed(4);
  const cells = (target, {value, p}) => target.kind === 'tags' ? [value.join(target.sep), value.map(tag => fixed(p[tag])).join(target.sep)] : [value ?? '', fixed(p)];
  const row = ({file, answers, unlike, error}) => [file.name, ...targets.flatMap(t => answers ? cells(t, answers[t.name]) : ['', '']), unlike?.toFixed(2) ?? '', error || ''];
  return [['image', ...targets.flatMap(t => [t.name, t.name + '_p']), 'unlike', 'error'], ...photos.filter(p => p.answers || p.error).map(row)];
}
$('save').addEventListener('click', () => {
  const cell = s => /[",\r\n]/.test(s) ? '"' + s.replaceAll('"', '""') + '"' : s;
  const text = rows().map(row => row.map(cell).join(',') + '\n').join('');
  const link = el('a', {href: URL.createObjectURL(new Blob([text], {type: 'text/csv'})), download: 'tags.csv'});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
});

// Ways for photos to come in
for (const id of ['files', 'camera']) $(id).addEventListener('change', e => { add([...e.target.files]); e.target.value = ''; });
const images = list => [...list].filter(file => file.type.startsWith('image/') || /\.(heic|heif|avif)$/i.test(file.name));
let entered = 0;
const over = is => $('drop').classList.toggle('over', is);
const brings = e => e.dataTransfer && [...e.dataTransfer.types].includes('Files');
addEventListener('dragenter', e => { if (brings(e)) { entered++; over(true); } });
addEventListener('dragleave', e => { if (brings(e)) { entered--; over(entered > 0); } });
addEventListener('dragover', e => { if (brings(e)) e.preventDefault(); });
addEventListener('drop', e => {
  if (!brings(e)) return;
  e.preventDefault();
  entered = 0;
  over(false);
  add(images(e.dataTransfer.files));
});
addEventListener('paste', e => {
  const pasted = images(e.clipboardData.files);
  if (!pasted.length) return;
  e.preventDefault();
  add(pasted);
});
loaded.then(count, e => {
  const text = 'This browser cannot run the tagger (' + e.message + '). Chrome, Edge, Firefox and Safari of 2023 or later can.';
  $('progress').before(el('p', {className: 'error', role: 'alert', textContent: text}));
  count();
});
