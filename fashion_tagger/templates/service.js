'use strict';
const $ = id => document.getElementById(id);
{% include 'elements.js' %}
const percent = p => p > .995 ? '> 99%' : p < .005 ? '< 1%' : Math.round(100*p) + '%';
const wait = seconds => new Promise(done => setTimeout(done, 1000*seconds));
const SHOWN = 5, LIKELY = .02, AT_ONCE = 4;

// The token comes with the address, after #token=, or is asked for; it is kept as long as the tab.
let token = '';
try { token = sessionStorage.getItem('token') || ''; } catch (e) { /* a browser without storage: it is asked for again */ }
function keep(given) {
  token = given.replace(/[^\x21-\x7e]/g, '');
  try { sessionStorage.setItem('token', token); } catch (e) { /* as above */ }
}
function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  keep(given);
  history.replaceState(null, '', location.pathname);
}
fromAddress();
addEventListener('hashchange', fromAddress);
let asking = null;
function askToken() {
  asking ||= new Promise((done, fail) => {
    $('token').value = '';
    $('ask').addEventListener('close', () => { keep($('token').value); asking = null; token ? done() : fail(Error('It asks for its token.')); }, {once: true});
    $('ask').showModal();
  });
  return asking;
}
async function ask(path, options) {
  for (;;) {
    const with_ = token ? {headers: {Authorization: 'Bearer ' + token}} : {};
    const answer = await fetch(path, {...options, ...with_, cache: 'no-store', credentials: 'omit'});
    if (answer.status === 401) await askToken();
    else if (answer.status === 503 && answer.headers.has('Retry-After')) await wait(+answer.headers.get('Retry-After') || 1);
    else return answer;
  }
}

// What the tagger knows
let schema = null;
async function learn() {
  try {
    const answer = await ask('schema');
    if (!answer.ok) throw Error((await answer.json()).error);
    schema = await answer.json();
  } catch (e) { $('about').textContent = 'There is no answer from the service. ' + e.message; return; }
  const known = schema.targets.map(t => t.name + ' (' + plural(words(t).length, t.kind === 'tags' ? 'tag' : 'value') + ')');
  $('about').textContent = 'It answers with ' + known.join(', ') + '.';
}
const words = target => target.kind === 'tags' ? target.tags : target.values;
function addWord(target, text) { // the word as it is known, whatever its capitals
  const found = words(target).find(word => word.toLowerCase() === text.toLowerCase());
  if (!found) words(target).push(text);
  return found ?? text;
}
function wordField(target, placeholder, done) {
  const input = el('input', {type: 'text', placeholder, ariaLabel: placeholder + ' for ' + target.name, autocomplete: 'off'});
  input.addEventListener('change', () => done(input.value.trim()));
  return input;
}
function levelAbove(t, value) { // the target that another one lies within, and what a value says of it
  const parent = schema.parents?.[schema.targets[t].name], i = schema.targets[t].values.indexOf(value);
  return parent && i < parent.values.length && i >= 0 ? [schema.targets.findIndex(other => other.name === parent.name), parent.values[i]] : null;
}
const ready = learn();

// Photos: a card each, answered a few at a time
const photos = [], waiting = [], names = new Set();
let running = 0;
function uniqueName(name) {
  const dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length;
  let unique = name;
  for (let i = 2; names.has(unique); i++) unique = name.slice(0, dot) + '-' + i + name.slice(dot);
  names.add(unique);
  return unique;
}
function add(files) {
  const first = $('cards').firstElementChild;
  for (const file of files) {
    const photo = {file, name: uniqueName(file.name || 'photo'), row: null, error: null, labels: new Map()};
    photos.push(photo);
    waiting.push(photo);
    card(photo, first);
  }
  document.body.classList.toggle('has-photos', photos.length > 0);
  while (running < AT_ONCE && waiting.length) work();
  count();
}
async function work() {
  running++;
  while (waiting.length) {
    const photo = waiting.shift();
    await answer(photo);
    if (photos.includes(photo)) show(photo);
    count();
  }
  running--;
}
async function answer(photo) {
  photo.error = null;
  await ready;
  if (!schema) { await learn(); if (!schema) { photo.error = 'the service does not answer'; photo.again = true; return; } }
  if (photo.file.size > 1e6*schema.limits.photo_mb) { photo.error = 'more than ' + schema.limits.photo_mb + ' MB; make it smaller'; return; }
  try {
    const answer = await ask('tag?top=' + SHOWN + '&image=' + encodeURIComponent(photo.name), {method: 'POST', body: photo.file});
    const said = await answer.json();
    if (answer.ok) photo.row = said; else { photo.error = said.error; photo.again = answer.status >= 500; }
  } catch (e) { photo.error = 'the service does not answer'; photo.again = true; }
}
function remove(photo) {
  photos.splice(photos.indexOf(photo), 1);
  if (waiting.includes(photo)) waiting.splice(waiting.indexOf(photo), 1);
  URL.revokeObjectURL(photo.url);
  const next = photo.card.nextElementSibling || photo.card.previousElementSibling;
  photo.card.remove();
  (next?.querySelector('button') || $('files')).focus();
  document.body.classList.toggle('has-photos', photos.length > 0);
  count();
}

// Labels: what was given, and what a person said since, by target and tag
const key = (t, tag) => t + ' ' + tag;
const given = (photo, target, tag) => target.kind !== 'tags' ? photo.row[target.name] ?? '' // null where it is not sure
  : tagsGiven(photo, target).includes(tag) ? 'yes' : 'no';
const tagsGiven = (photo, target) => (photo.row[target.name] || '').split(target.sep).filter(Boolean);
const label = (photo, t, tag) => photo.labels.get(key(t, tag)) ?? given(photo, schema.targets[t], tag);
function correct(photo, t, tag, label) {
  if (label === given(photo, schema.targets[t], tag)) photo.labels.delete(key(t, tag)); else photo.labels.set(key(t, tag), label);
  unsaved = true;
  count();
}
let unsaved = false;
function corrections() {
  const rows = [];
  for (const photo of photos.filter(p => p.row)) schema.targets.forEach((target, t) => {
    for (const tag of target.kind === 'tags' ? target.tags : ['']) {
      const now = photo.labels.get(key(t, tag));
      if (now !== undefined) rows.push([photo.name, target.name, tag, given(photo, target, tag), now ? 'relabel' : 'drop', now]);
    }
  });
  return rows;
}
function table() {
  const cells = (photo, target, t) => target.kind !== 'tags' ? label(photo, t, '') : target.tags.filter(tag => label(photo, t, tag) === 'yes').join(target.sep) || '[]';
  const rows = photos.filter(p => p.row).map(photo => [photo.name, ...schema.targets.map((target, t) => cells(photo, target, t))]);
  return [['image', ...schema.targets.map(t => t.name)], ...rows];
}
function count() {
  const done = photos.filter(p => p.row || p.error).length, n = schema ? corrections().length : 0;
  $('status').textContent = !photos.length ? '' : done < photos.length ? done + ' of ' + plural(photos.length, 'photo') : plural(done, 'photo') + '. Click a word to correct an answer.';
  document.querySelector('.save').hidden = !photos.some(p => p.row);
  $('save').disabled = !n;
  $('save').textContent = n ? 'Save ' + plural(n, 'correction') : 'Save corrections';
}
function download(name, rows) {
  const cell = s => /^[\w .-]*$/.test(s) ? s : '"' + s.replaceAll('"', '""') + '"';
  const text = rows.map(row => row.map(cell).join(',')).join('\n') + '\n';
  const a = el('a', {href: URL.createObjectURL(new Blob([text], {type: 'text/csv'})), download: name});
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
$('save').addEventListener('click', () => { unsaved = false; download('decisions.csv', [['image', 'target', 'tag', 'given', 'decision', 'label'], ...corrections()]); });
$('table').addEventListener('click', () => download('labels.csv', table()));
addEventListener('beforeunload', e => { if (unsaved && corrections().length) e.preventDefault(); });

// Cards
function card(photo, before) {
  photo.url = URL.createObjectURL(photo.file);
  const img = el('img', {src: photo.url, alt: photo.name, decoding: 'async'});
  img.addEventListener('error', () => img.replaceWith(el('span', {className: 'gone', textContent: 'This browser cannot show ' + photo.name})));
  const away = el('button', {type: 'button', className: 'plain', textContent: 'Remove', ariaLabel: 'Remove ' + photo.name});
  away.addEventListener('click', () => remove(photo));
  photo.targets = el('div', {className: 'targets'}, el('p', {className: 'wait', textContent: 'Waiting for an answer ...'}));
  photo.card = el('li', {className: 'photo-card'}, el('figure', null, img, el('figcaption', null, el('span', {textContent: photo.name}), away)), photo.targets);
  $('cards').insertBefore(photo.card, before);
}
function show(photo) {
  if (photo.error) {
    const again = el('button', {type: 'button', textContent: 'Try again'});
    again.addEventListener('click', () => { waiting.push(photo); if (running < AT_ONCE) work(); });
    photo.targets.replaceChildren(el('p', {className: 'error', textContent: photo.error}), photo.again ? el('p', null, again) : '');
  } else photo.targets.replaceChildren(photo.row.unlike > 1 ? el('p', {className: 'error', textContent: 'Unlike the photos that this tagger was trained on: do not trust its answers.'}) : '', ...schema.targets.map((target, t) => target.kind === 'tags' ? tagsForm(photo, target, t) : attributeForm(photo, target, t)));
}
function showOthers(photo) { for (const other of photos) if (other.row && other !== photo) show(other); } // with a new word
let fields = 0;
function word(type, name, text, p, checked, change) {
  const input = el('input', {type, name, checked, value: text});
  input.addEventListener('change', () => change(input.checked));
  return el('label', {className: 'word ' + type}, el('i', {style: {'--p': p ?? 0}}), input, el('b', {ariaHidden: 'true'}), el('span', {textContent: text}), el('small', {textContent: p === null ? '' : percent(p)}));
}
function attributeForm(photo, target, t) {
  const form = el('fieldset', {data: {t}}), name = 'f' + fields++, top = photo.row.likeliest[target.name].filter(([, p], i) => !i || p >= LIKELY);
  const draw = focus => {
    const now = label(photo, t, ''), rare = now && !top.some(([value]) => value === now) ? [[now, null]] : [];
    const set = value => {
      correct(photo, t, '', value);
      const above = levelAbove(t, value);
      if (above && label(photo, above[0], '') !== above[1]) {
        correct(photo, above[0], '', above[1]);
        show(photo);
        photo.targets.querySelector(`[data-t="${t}"] input:checked`)?.focus();
      } else draw(value);
    };
    const bars = [...top, ...rare].map(([value, p]) => word('radio', name, value, p, value === now, () => set(value)));
    const more = el('div', {className: 'more'});
    const others = target.values.filter(v => ![...top, ...rare].some(([value]) => value === v));
    const select = el('select', {ariaLabel: target.name + ', another'}, el('option', {value: '-', textContent: others.length ? 'another ...' : 'or ...', selected: true}), ...others.map((v, i) => el('option', {value: i, textContent: v})), el('option', {value: '', textContent: 'none of these', selected: now === ''}), el('option', {value: '+', textContent: 'a new word ...'}));
    select.addEventListener('change', () => {
      if (select.value !== '+') return set(select.value === '' ? '' : select.value === '-' ? given(photo, target, '') : others[select.value]);
      const field = wordField(target, 'new word', text => text ? (set(addWord(target, text)), showOthers(photo)) : draw(now));
      select.replaceWith(field);
      field.focus();
    });
    more.append(select);
    if (now !== given(photo, target, '')) {
      const undo = el('button', {type: 'button', className: 'plain', textContent: 'undo'});
      undo.addEventListener('click', () => set(given(photo, target, '')));
      more.append(el('span', {className: 'was', textContent: 'was ' + (given(photo, target, '') || 'not sure')}), undo);
    }
    form.replaceChildren(el('legend', {textContent: target.name + (schema.parents?.[target.name] ? ', within ' + schema.parents[target.name].name : '')}), el('div', {className: 'words'}, ...bars), more);
    if (focus !== undefined) (form.querySelector('input:checked') || select).focus();
  };
  draw();
  return form;
}
function tagsForm(photo, target, t) {
  const top = new Map(photo.row.likeliest[target.name]), likely = [...top].filter(([, p]) => p >= LIKELY).map(([tag]) => tag), shown = [...new Set([...tagsGiven(photo, target), ...likely])];
  const p = new Map([...top, ...tagsGiven(photo, target).map((tag, i) => [tag, +(photo.row[target.name + '_p'] || '').split(target.sep)[i]])]);
  const box = tag => word('checkbox', '', tag, p.get(tag) ?? null, label(photo, t, tag) === 'yes', checked => { correct(photo, t, tag, checked ? 'yes' : 'no'); mark(); });
  const note = el('div', {className: 'more was', role: 'status'});
  const mark = () => {
    const changed = target.tags.filter(tag => photo.labels.has(key(t, tag)));
    note.textContent = changed.map(tag => tag + (label(photo, t, tag) === 'yes' ? ' added' : ' taken away')).join(', ');
  };
  for (const tag of target.tags) if (photo.labels.get(key(t, tag)) === 'yes' && !shown.includes(tag)) shown.push(tag);
  const rest = target.tags.filter(tag => !shown.includes(tag)), form = el('fieldset', {data: {t}, className: 'wide'}, el('legend', {textContent: target.name}), el('div', {className: 'words two-columns'}, ...shown.map(box)));
  if (rest.length) form.append(el('details', null, el('summary', {textContent: plural(rest.length, 'other tag')}), el('div', {className: 'words two-columns'}, ...rest.map(box))));
  form.append(note, el('div', {className: 'more'}, wordField(target, 'new tag', text => {
    if (!text) return;
    const tag = addWord(target, text);
    if (label(photo, t, tag) !== 'yes') correct(photo, t, tag, 'yes');
    show(photo);
    photo.targets.querySelector(`[data-t="${t}"] .more input`).focus();
    showOthers(photo);
  })));
  mark();
  return form;
}

// Ways for photos to come in
for (const id of ['files', 'camera']) $(id).addEventListener('change', e => { add(e.target.files); e.target.value = ''; });
const images = list => [...list].filter(file => file.type.startsWith('image/') || /\.(heic|heif|avif|tiff?)$/i.test(file.name));
let inside = 0;
const over = is => $('drop').classList.toggle('over', is);
const brings = e => e.dataTransfer && [...e.dataTransfer.types].includes('Files');
addEventListener('dragenter', e => { if (brings(e)) { inside++; over(true); } });
addEventListener('dragleave', e => { if (brings(e)) { inside--; over(inside > 0); } });
addEventListener('dragover', e => { if (brings(e)) e.preventDefault(); });
addEventListener('drop', e => {
  if (!brings(e)) return;
  e.preventDefault();
  inside = 0;
  over(false);
  add(images(e.dataTransfer.files));
});
addEventListener('paste', e => {
  const pasted = images(e.clipboardData.files);
  if (!pasted.length || e.target.closest('input[type=password]')) return;
  e.preventDefault();
  add(pasted);
});
count();
