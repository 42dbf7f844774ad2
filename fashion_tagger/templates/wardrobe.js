'use strict';
const data = JSON.parse(document.getElementById('data').textContent), {targets, items} = data;
const $ = id => document.getElementById(id);
const tiles = items.map((_, i) => $('tile-' + i));
{% include 'elements.js' %}
const percent = p => Math.round(100*p) + '%';

// Corrections: a key with the photo, the target, a tag and what was given, and the label that is right, '' for none.
const storage = 'fashion_tagger wardrobe ' + document.title;
let kept = {};
try { kept = JSON.parse(localStorage.getItem(storage)) || {}; } catch (e) { /* a browser without storage: they last as long as the page */ }
const key = (i, t, tag, given) => JSON.stringify([items[i].photo, targets[t].name, tag, given]);
const given = (i, t) => items[i].answers[t].map(([word]) => word);
const first = (i, t) => given(i, t)[0] ?? '';
const hasTag = (i, t, tag) => given(i, t).includes(tag) ? 'yes' : 'no';
const all = targets.map((target, t) => [...new Set([...target.values, ...items.flatMap((_, i) => given(i, t))])]);
function answers(i, t) {
  if (targets[t].tags) return all[t].filter(tag => (kept[key(i, t, tag, hasTag(i, t, tag))] ?? hasTag(i, t, tag)) === 'yes');
  const label = kept[key(i, t, '', first(i, t))] ?? first(i, t);
  return label ? [label] : [];
}
const p = (i, t) => items[i].answers[t][0]?.[1] ?? 1;
const isSure = (i, t) => answers(i, t)[0] !== first(i, t) || p(i, t) >= .5;
const titled = data.type === null ? targets.map((_, t) => t).filter(t => !targets[t].tags) : [data.type];
const colour = i => data.type === null || !items[i].colours.length ? [] : [items[i].colours[0][2]];
const title = i => [...new Set([...colour(i), ...titled.flatMap(t => answers(i, t).map(word => data.type === null || isSure(i, t) ? word : word + '?'))])].join(', ') || items[i].name;
// A photo that is to be left out: a row about its first target, as a decision is about one.
const whole = i => targets[0].tags ? [targets[0].name, all[0][0] ?? '', hasTag(i, 0, all[0][0])] : [targets[0].name, '', first(i, 0)];
const isOut = i => kept[items[i].photo] === 'drop photo';
function corrections() {
  const rows = [];
  items.forEach((item, i) => isOut(i) ? rows.push({i, cells: [item.photo, ...whole(i), 'drop photo', '']}) : targets.forEach((target, t) => {
    for (const tag of target.tags ? all[t] : ['']) {
      const was = target.tags ? hasTag(i, t, tag) : first(i, t), label = kept[key(i, t, tag, was)];
      if (label !== undefined) rows.push({i, cells: [item.photo, target.name, tag, was, label ? 'relabel' : 'drop', label]});
    }
  }));
  return rows;
}
function correct(i, t, tag, label) {
  const was = targets[t].tags ? hasTag(i, t, tag) : first(i, t);
  keep(i, key(i, t, tag, was), label === was ? undefined : label);
}
function keep(i, name, value) {
  if (value === undefined) delete kept[name]; else kept[name] = value;
  try { localStorage.setItem(storage, JSON.stringify(kept)); } catch (e) { /* as above */ }
  show(i);
  count();
  filter();
}
function show(i) {
  for (const span of tiles[i].querySelectorAll('[data-t]')) {
    const t = +span.dataset.t;
    span.textContent = answers(i, t).join(', ') + (t === data.type && !isSure(i, t) ? '?' : '');
  }
}
function count() {
  const rows = corrections(), corrected = new Set(rows.map(r => r.i));
  tiles.forEach((tile, i) => { tile.firstElementChild.classList.toggle('corrected', corrected.has(i)); tile.firstElementChild.classList.toggle('out', isOut(i)); });
  document.querySelector('.save').hidden = !rows.length;
  $('decided').textContent = plural(rows.length, 'correction');
}
$('save').addEventListener('click', () => {
  const cell = s => '"' + s.replaceAll('"', '""') + '"';
  const same = (a, b) => [0, 1, 2].every(k => a[k] === b[k]);
  const now = corrections().map(r => r.cells).map(cells => { // with what was given before the first correction
    const before = data.earlier.find(e => same(e, cells));
    return before ? [...cells.slice(0, 3), before[3], ...cells.slice(4)] : cells;
  });
  const lines = [...data.earlier.filter(e => !now.some(cells => same(e, cells))), ...now].map(cells => cells.map(cell).join(','));
  const a = el('a', {href: URL.createObjectURL(new Blob(['image,target,tag,given,decision,label\n' + lines.join('\n') + '\n'], {type: 'text/csv'})), download: 'decisions.csv'});
  a.click();
  URL.revokeObjectURL(a.href);
});

// Filters: the values of one facet widen, several facets narrow.
const SHOWN = 12;
const facets = targets.map((target, t) => ({name: target.name, of: i => answers(i, t), values: all[t], chosen: new Set(), hex: Object.create(null)}));
const hex = Object.create(null);
for (const item of items) for (const [code, , name] of item.colours) hex[name] ??= code;
facets.push({name: 'colours in the photo', of: i => items[i].colours.map(c => c[2]), values: Object.keys(hex), chosen: new Set(), hex});
let open = [], matches = [];
function chip(facet, value) {
  const number = el('b'), button = el('button', {type: 'button', className: 'chip'}, el('span', {textContent: value}), number);
  if (facet.hex[value]) button.prepend(el('i', {style: {background: facet.hex[value]}}));
  button.addEventListener('click', () => { facet.chosen.has(value) ? facet.chosen.delete(value) : facet.chosen.add(value); filter(); });
  return {value, button, number};
}
for (const facet of facets) {
  const total = Object.fromEntries(facet.values.map(v => [v, 0]));
  items.forEach((_, i) => new Set(facet.of(i)).forEach(v => total[v]++));
  facet.chips = [...facet.values].sort((a, b) => total[b] - total[a]).map(v => chip(facet, v));
  facet.more = el('button', {type: 'button', className: 'plain'});
  facet.more.addEventListener('click', () => { facet.whole = !facet.whole; filter(); });
  facet.box = el('fieldset', {className: 'facet'}, el('legend', {textContent: facet.name}), el('div', {className: 'chips'}, ...facet.chips.map(c => c.button), facet.more));
  $('facets').append(facet.box);
}
const words = i => [items[i].name, ...facets.flatMap(f => f.of(i))].join('\n').toLowerCase();
const NOUNS = {items: 'item', outfits: 'outfit', gaps: 'gap'};
const setsOf = name => name in NOUNS && name !== 'items' ? data[name].map(s => s.items) : items.map((_, i) => [i]); // what a view counts
function drawFacet(facet, f, misses, sets) {
  const n = new Map(), ever = new Set();
  sets.forEach((set, k) => set.forEach(i => facet.of(i).forEach(v => { ever.add(v); if (!misses[i].some(g => g !== f)) n.set(v, (n.get(v) || new Set()).add(k)); })));
  let at = 0;
  for (const {value, button, number} of facet.chips) {
    const pressed = facet.chosen.has(value), k = n.get(value)?.size || 0, exists = ever.has(value) || pressed;
    number.textContent = k;
    button.setAttribute('aria-pressed', pressed);
    button.disabled = !k && !pressed;
    button.hidden = !exists || (at >= SHOWN && !facet.whole && !pressed);
    if (exists) at++;
  }
  facet.more.hidden = at <= SHOWN + 1;
  if (facet.more.hidden) facet.chips.forEach(c => { if (ever.has(c.value)) c.button.hidden = false; });
  facet.more.textContent = facet.whole ? 'fewer' : 'all ' + at;
  facet.box.hidden = !at;
}
function filter() {
  const query = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const misses = items.map((_, i) => { // the facets that an item does not match; -1 is the search
    const text = query.length ? words(i) : '', found = query.every(q => text.includes(q)) ? [] : [-1];
    return [...found, ...facets.keys()].filter(f => f === -1 || (facets[f].chosen.size && !facets[f].of(i).some(v => facets[f].chosen.has(v))));
  });
  const sets = setsOf(view);
  matches = misses.map(m => !m.length);
  facets.forEach((facet, f) => drawFacet(facet, f, misses, sets));
  tiles.forEach((tile, i) => { tile.hidden = !matches[i]; });
  for (const box of document.querySelectorAll('.group, #alike, #others')) box.hidden = !box.querySelector('.tile:not([hidden])');
  if ($('others')) $('others').firstElementChild.textContent = $('alike') && !$('alike').hidden ? 'Other items' : 'Items';
  const shown = [...document.querySelectorAll('.tile:not([hidden])')].map(tile => +tile.dataset.i), found = sets.filter(set => set.some(i => matches[i]));
  open = view === 'items' ? shown : view === 'graph' ? links.map(a => +a.dataset.i) : [...new Set(found.flat())];
  const chosen = facets.reduce((n, f) => n + f.chosen.size, 0);
  $('chosen').textContent = chosen ? '(' + chosen + ')' : '';
  $('found').textContent = (found.length < sets.length ? found.length + ' of ' : '') + plural(sets.length, NOUNS[view] || 'item');
  $('clear').hidden = !chosen && !query.length;
  $('nothing').hidden = found.length > 0;
  rove(tiles.map(tile => tile.firstElementChild), shown[0]);
  fill(view);
}
document.querySelector('.filters').hidden = !items.length;
document.querySelector('.filters').addEventListener('submit', e => e.preventDefault());
document.querySelector('.filters details').open = matchMedia('(min-width: 60rem)').matches;
$('search').addEventListener('input', filter);
$('search').addEventListener('keydown', e => { if (e.key === 'Escape' && e.target.value) { e.target.value = ''; filter(); e.preventDefault(); } });
$('clear').addEventListener('click', () => { facets.forEach(f => f.chosen.clear()); $('search').value = ''; filter(); $('search').focus(); });

// Arrow keys go to the nearest link in their direction; only one of the links is a stop of the tab key.
function rove(links, i) { links.forEach((a, k) => { a.tabIndex = k === i ? 0 : -1; }); }
const DIRECTIONS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
function nearest(from, links, [x, y]) {
  const middle = a => { const r = a.getBoundingClientRect(); return [r.left + r.width/2, r.top + r.height/2, r.height]; };
  const [fx, fy, height] = middle(from);
  let best = null, least = Infinity;
  for (const a of links) {
    const [ax, ay] = middle(a), along = (ax - fx)*x + (ay - fy)*y, across = Math.abs((ax - fx)*y) + Math.abs((ay - fy)*x);
    if (a === from || along < 2 || (x && across > height)) continue;
    if (along + 3*across < least) [best, least] = [a, along + 3*across];
  }
  return best;
}
function arrows(box, links) {
  box.addEventListener('keydown', e => {
    const from = e.target.closest('a'), now = links().filter(a => a.offsetParent);
    if (!from || !now.includes(from) || e.ctrlKey || e.altKey || e.metaKey) return;
    let to = DIRECTIONS[e.key] && nearest(from, now, DIRECTIONS[e.key]);
    if (e.key === 'ArrowRight' && !to) to = now[now.indexOf(from) + 1];
    if (e.key === 'ArrowLeft' && !to) to = now[now.indexOf(from) - 1];
    if (e.key === 'Home') to = now[0];
    if (e.key === 'End') to = now[now.length - 1];
    if (!to) return;
    e.preventDefault();
    to.focus();
  });
  box.addEventListener('focusin', e => { const a = e.target.closest('a'); if (a) { rove(links(), links().indexOf(a)); a.scrollIntoView({block: 'nearest', inline: 'nearest'}); } });
}
arrows($('view-items'), () => [...document.querySelectorAll('.tile > a')]);

// Pictures are in the page once, in the tiles.
function picture(i) {
  const src = tiles[i].querySelector('img')?.src;
  return src ? el('img', {src, alt: items[i].name, draggable: false}) : el('span', {className: 'gone', textContent: items[i].name});
}
function strip(entries) { // of [item, note]
  return el('ul', {className: 'strip'}, ...entries.map(([i, note]) => el('li', null, el('a', {href: '#item-' + i}, picture(i), el('span', {textContent: title(i)})), note ? el('span', {className: 'soft', textContent: note}) : null)));
}
const widest = sets => Math.min(Math.max(2, ...sets.map(s => s.items.length)), 5);
const setCard = s => el('li', null, strip(s.items.map(i => [i, ''])), el('p', {className: 'soft', textContent: s.why}));
const AT_ONCE = 60;
function fill(view) {
  if (view === 'graph') return drawMap();
  if (view === 'items') return;
  const sets = data[view].filter(s => s.items.some(i => matches[i])), box = document.querySelector('#view-' + view + ' .sets'), more = document.querySelector('#view-' + view + ' .plain');
  let n = Math.max(box.childElementCount, Math.min(AT_ONCE, sets.length));
  box.style.setProperty('--n', widest(data[view]));
  const draw = () => { box.replaceChildren(...sets.slice(0, n).map(setCard)); more.hidden = n >= sets.length; };
  more.onclick = () => { const at = n; n = Math.min(n + AT_ONCE, sets.length); draw(); box.children[at].querySelector('a')?.focus(); };
  draw();
}

// The page of an item
function bar(p) { return el('span', {className: 'bar', ariaHidden: 'true'}, el('i', {style: {width: percent(p)}})); }
function was(i, t, tag, text) {
  const undo = el('button', {type: 'button', className: 'plain', textContent: 'undo'});
  undo.addEventListener('click', () => { correct(i, t, tag, targets[t].tags ? hasTag(i, t, tag) : first(i, t)); about(i); $('about').querySelector('[data-t="' + t + '"] select')?.focus(); });
  return el('span', {className: 'was'}, text, undo);
}
const MANY = 30; // words, from which one types instead of choosing from a list
function typed(id, words, now, none, choose) {
  const input = el('input', {id, value: now, placeholder: none, autocomplete: 'off', spellcheck: false}), list = el('datalist', {id: id + '-words'}, ...words.map(value => el('option', {value})));
  input.setAttribute('list', list.id);
  input.addEventListener('focus', () => input.select());
  input.addEventListener('input', () => input.setCustomValidity(''));
  input.addEventListener('change', () => {
    const text = input.value.trim().toLowerCase(), begun = words.filter(w => w.toLowerCase().startsWith(text));
    const word = text ? words.find(w => w.toLowerCase() === text) ?? (begun.length === 1 ? begun[0] : null) : '';
    if (word !== null) return choose(word);
    input.setCustomValidity(begun.length ? 'Which one? ' + begun.slice(0, 5).join(', ') : 'None of the ' + words.length + ' words begins so.');
    input.reportValidity();
  });
  const nothing = el('button', {type: 'button', className: 'plain', textContent: none, hidden: !now});
  nothing.addEventListener('click', () => choose(''));
  return el('span', {className: 'typed'}, input, list, nothing);
}
function attributeForm(i, t) {
  const [word, p] = items[i].answers[t][0] || ['', null], now = answers(i, t)[0] ?? '', id = 'answer-' + t;
  const none = word ? 'none of these' : 'not known', choose = label => { correct(i, t, '', label); about(i); $(id).focus(); };
  const select = all[t].length > MANY ? typed(id, all[t], now, none, choose) : el('select', {id}, ...all[t].map(v => el('option', {value: v, textContent: v, selected: v === now})), el('option', {value: '', textContent: none, selected: !now}));
  if (all[t].length <= MANY) select.addEventListener('change', () => choose(select.value));
  const sure = p === null ? null : el('span', {className: 'sure'}, bar(p), word + ' ' + percent(p));
  return el('div', {className: 'answer', data: {t}}, el('label', {htmlFor: id, textContent: targets[t].name}), select, now !== word ? was(i, t, '', 'corrected, was ' + (word || 'not known')) : sure);
}
function tagBox(i, t, tag) {
  const box = el('input', {type: 'checkbox', checked: answers(i, t).includes(tag)}), p = items[i].answers[t].find(([word]) => word === tag)?.[1] ?? null;
  box.addEventListener('change', () => { correct(i, t, tag, box.checked ? 'yes' : 'no'); $('h-item').textContent = title(i); mark(); });
  const note = el('span', {className: 'was'}), li = el('li', null, el('label', null, box, el('span', {textContent: tag}), p === null ? '' : bar(p), el('small', {textContent: p === null ? '' : percent(p)})), note);
  const mark = () => note.replaceChildren(...(box.checked === (hasTag(i, t, tag) === 'yes') ? [] : [box.checked ? 'added' : 'taken away']));
  mark();
  return li;
}
function tagsForm(i, t) {
  const [yes, no] = [true, false].map(is => all[t].filter(tag => (answers(i, t).includes(tag) || given(i, t).includes(tag)) === is).map(tag => tagBox(i, t, tag)));
  const form = el('fieldset', {className: 'answer', data: {t}}, el('legend', {textContent: targets[t].name}), el('ul', {className: 'boxes'}, ...yes));
  if (no.length) form.append(el('details', {open: no.length <= 8 || !yes.length}, el('summary', {textContent: 'other tags (' + no.length + ')'}), el('ul', {className: 'boxes'}, ...no)));
  return form;
}
const pairs = (edges, i) => edges.filter(([a, b]) => a === i || b === i).map(([a, b, strength, why]) => [a === i ? b : a, strength, why]);
function company(i) {
  const alike = pairs(data.alike, i), goes = pairs(data.goes, i), outfits = data.outfits.filter(o => o.items.includes(i)), parts = [];
  if (alike.length) parts.push(el('h3', {textContent: 'What is like it'}), strip(alike.map(([k, closer]) => [k, (Math.floor(1000*closer)/10).toFixed(1) + '%'])), el('p', {className: 'small soft', textContent: 'How many of 100 random pairs of photos look less alike.'}));
  const gaps = data.gaps.filter(gap => gap.items.includes(i)).map(gap => {
    const others = gap.items.filter(k => k !== i).map(title);
    return el('p', {textContent: (others.length ? 'With ' + others.join(' and ') + ': ' : '') + gap.why});
  });
  if (goes.length || gaps.length) parts.push(el('h3', {textContent: 'What goes with it'}), strip(goes.map(([k, s, why]) => [k, why || percent(s)])), ...gaps, el('p', {className: 'small soft', textContent: 'Numbers are of the outfits that the tagger learned from.'}));
  if (outfits.length) parts.push(el('h3', {textContent: 'Outfits with it'}), el('ol', {className: 'sets', style: {'--n': widest(outfits)}}, ...outfits.slice(0, 8).map(setCard)));
  return parts;
}
function about(i) {
  const item = items[i], colours = item.colours.map(([code, share, name]) => el('li', null, el('i', {style: {background: code}}), name + ' ' + percent(share)));
  const figure = el('figure', null, picture(i), el('figcaption', {className: 'small', textContent: item.name}), el('ul', {className: 'swatches', ariaLabel: 'Colours in the photo'}, ...colours));
  if (!item.colours.length) figure.lastChild.remove();
  const out = el('button', {type: 'button', className: 'plain', textContent: isOut(i) ? 'undo' : 'Leave this photo out'});
  out.addEventListener('click', () => { keep(i, item.photo, isOut(i) ? undefined : 'drop photo'); about(i); $('about').querySelector('figure button').focus(); });
  figure.append(isOut(i) ? el('span', {className: 'was'}, 'left out', out) : out);
  const forms = item.error ? [el('p', {className: 'error', textContent: item.error})] : targets.map((target, t) => target.tags ? tagsForm(i, t) : attributeForm(i, t));
  $('h-item').textContent = title(i);
  $('about').replaceChildren(el('div', {className: 'item'}, figure, el('div', null, ...forms)), ...company(i));
}

// Addresses: #items, #outfits, #gaps, #graph and #item-5, with a way back.
const dialog = $('item'), save = document.querySelector('.save'), footer = document.querySelector('footer');
let view = 'items', current = null;
const depth = () => history.state?.depth || 0;
const itemOf = hash => { const m = /^#item-(\d+)$/.exec(hash); return m && +m[1] < items.length ? +m[1] : null; };
function enter(i) {
  about(i);
  current = i;
  if (!dialog.open) dialog.showModal();
  dialog.append(save);
  dialog.scrollTop = 0;
  $('h-item').focus();
  const at = open.indexOf(i);
  $('before').disabled = at < 1;
  $('after').disabled = at < 0 || at === open.length - 1;
}
function leave() {
  const link = view === 'graph' ? links.find(a => +a.dataset.i === current) : tiles[current].firstElementChild;
  current = null;
  footer.before(save);
  if (dialog.open) dialog.close();
  if ((view === 'items' || view === 'graph') && link?.offsetParent) link.focus({preventScroll: false});
}
function route() {
  const i = itemOf(location.hash), name = location.hash.slice(1) || 'items';
  if (i !== null) return enter(i);
  const section = $('view-' + name);
  if (section && name !== view) {
    for (const other of document.querySelectorAll('.view')) other.hidden = other !== section;
    document.querySelector('.columns').hidden = name === 'graph';
    for (const a of document.querySelectorAll('nav a')) a.hash === '#' + name ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current');
    view = name;
    if (current === null) scrollTo(0, 0);
  }
  if (section) filter();
  if (current !== null) leave();
}
document.addEventListener('click', e => {
  const a = e.target.closest('a[href^="#item-"]');
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
  e.preventDefault();
  history.pushState({depth: depth() + 1}, '', a.hash);
  route();
});
addEventListener('popstate', route);
addEventListener('hashchange', route);
function close() {
  if (depth()) return history.go(-depth());
  history.replaceState(null, '', '#' + view);
  route();
}
function step(by) {
  const to = open[open.indexOf(current) + by];
  if (to === undefined || !open.includes(current)) return;
  history.replaceState(history.state, '', '#item-' + to);
  enter(to);
}
$('close').addEventListener('click', close);
$('before').addEventListener('click', () => step(-1));
$('after').addEventListener('click', () => step(1));
dialog.addEventListener('cancel', e => { e.preventDefault(); close(); });
dialog.addEventListener('click', e => { if (e.target === dialog) close(); });
dialog.addEventListener('keydown', e => {
  if (e.target.closest('select, input') || e.ctrlKey || e.altKey || e.metaKey) return;
  if (e.key === 'ArrowLeft') step(-1);
  if (e.key === 'ArrowRight') step(1);
});
addEventListener('keydown', e => {
  if (e.key !== '/' || dialog.open || view === 'graph' || e.target.closest('input, select')) return;
  e.preventDefault();
  $('search').focus();
});

// The graph
const map = $('map'), canvas = $('canvas'), links = map ? [...map.querySelectorAll('a')] : [], lines = map ? [...map.querySelectorAll('line')] : [];
const degree = {};
for (const line of lines) for (const i of [line.dataset.a, line.dataset.b]) degree[i] = (degree[i] || 0) + 1;
const hub = links.reduce((best, a) => (degree[a.dataset.i] || 0) > (degree[best.dataset.i] || 0) ? a : best, links[0]);
function drawMap() {
  const isNew = !links[0].childElementCount;
  for (const a of links) { if (isNew) a.append(picture(+a.dataset.i)); a.title = title(+a.dataset.i); }
  if (!isNew) return;
  zoom(Math.max(.6, Math.min(1, fit(canvas.clientWidth, '--w'))));
  const r = hub.getBoundingClientRect(), c = canvas.getBoundingClientRect();
  canvas.scrollBy(r.left - c.left - c.width/2, r.top - c.top - c.height/2);
}
const fit = (room, side) => (room - 4)/map.style.getPropertyValue(side);
function zoom(z) {
  const was = +map.style.getPropertyValue('--z') || 1, to = Math.min(Math.max(z, .15), 3), [w, h] = [canvas.clientWidth/2, canvas.clientHeight/2];
  const [x, y] = [canvas.scrollLeft + w, canvas.scrollTop + h];
  map.style.setProperty('--z', to);
  canvas.scrollTo(x*to/was - w, y*to/was - h);
}
function point(i) {
  const near = new Set([i]);
  for (const line of lines) {
    const [a, b] = [+line.dataset.a, +line.dataset.b], is = (a === i || b === i) && !map.classList.contains('no-' + line.classList[0]);
    line.classList.toggle('near', is);
    if (is) near.add(a).add(b);
  }
  for (const a of links) a.classList.toggle('near', near.has(+a.dataset.i));
  map.classList.toggle('pointed', i !== null);
}
if (map) {
  rove(links, 0);
  arrows(map, () => links);
  const at = e => { const a = e.target.closest('a'); return a ? +a.dataset.i : null; };
  map.addEventListener('pointerover', e => { if (e.pointerType === 'mouse') point(at(e)); });
  map.addEventListener('pointerleave', () => point(null));
  map.addEventListener('focusin', e => { if (e.target.matches(':focus-visible')) point(at(e)); });
  map.addEventListener('focusout', () => point(null));
  for (const box of document.querySelectorAll('[data-kind]')) box.addEventListener('change', () => map.classList.toggle('no-' + box.dataset.kind, !box.checked));
  for (const button of document.querySelectorAll('[data-zoom]')) button.addEventListener('click', () => {
    const by = +button.dataset.zoom;
    zoom(by ? by*(+map.style.getPropertyValue('--z') || 1) : Math.min(fit(canvas.clientWidth, '--w'), fit(canvas.clientHeight, '--h')));
  });
  canvas.addEventListener('wheel', e => { if (!e.ctrlKey) return; e.preventDefault(); zoom((+map.style.getPropertyValue('--z') || 1)*Math.exp(-e.deltaY/300)); }, {passive: false});
  let from = null, moved = false;
  canvas.addEventListener('pointerdown', e => { if (e.pointerType === 'mouse' && !e.button) { from = [e.clientX, e.clientY, canvas.scrollLeft, canvas.scrollTop]; moved = false; } });
  addEventListener('pointermove', e => {
    if (!from) return;
    const [x, y] = [e.clientX - from[0], e.clientY - from[1]];
    moved ||= Math.hypot(x, y) > 5;
    canvas.classList.toggle('dragged', moved);
    if (moved) canvas.scrollTo(from[2] - x, from[3] - y);
  });
  addEventListener('pointerup', () => { from = null; canvas.classList.remove('dragged'); });
  canvas.addEventListener('click', e => { if (moved) { e.preventDefault(); e.stopPropagation(); moved = false; } }, true);
  canvas.addEventListener('dragstart', e => e.preventDefault());
}

for (const r of corrections()) show(r.i);
count();
filter();
route();
