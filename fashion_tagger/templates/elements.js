function el(tag, props, ...children) {
  const {data: dataset, style, ...rest} = props || {}, e = Object.assign(document.createElement(tag), rest);
  Object.assign(e.dataset, dataset);
  for (const name in style) e.style.setProperty(name, style[name]);
  e.append(...children.filter(c => c !== null));
  return e;
}
const plural = (n, noun) => n.toLocaleString('en') + ' ' + noun + (n === 1 ? '' : 's');
