// What can be seen of a mail only once it is laid out: returns its faults, each as one line of text.
// `limits` are those of tests/browser/views.py.
(limits) => {
  const faults = [], root = document.documentElement, width = limits.width, rtl = root.dir === 'rtl';
  const say = (check, what, about) => faults.push(`${check}: ${what}` + (about ? ` "${about.trim().slice(0, 50)}"` : ''));
  const style = one => getComputedStyle(one);

  // -- colours, as [r, g, b, a]
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const seen = new Map();
  function rgba(css) {
    if (!seen.has(css)) {
      const parts = css.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
      if (parts) seen.set(css, [+parts[1], +parts[2], +parts[3], parts[4] === undefined ? 1 : +parts[4]]);
      else {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; seen.set(css, [r, g, b, a / 255]);
      }
    }
    return seen.get(css);
  }
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const part = c[i] / 255;
    return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const contrast = (a, b) => { const x = light(a), y = light(b); return (Math.max(x, y) + .05) / (Math.min(x, y) + .05); };
  const lightness = c => (Math.max(c[0], c[1], c[2]) + Math.min(c[0], c[1], c[2])) / 510;
  // hue and saturation of HSL stay, lightness becomes 1 - lightness: then each channel moves by the same distance
  const inverted = c => { const move = 255 * (1 - 2 * lightness(c)); return [c[0] + move, c[1] + move, c[2] + move, c[3]]; };

  const probe = document.createElement('div'); probe.style.backgroundColor = 'Canvas'; document.body.append(probe);
  const paper = rgba(style(probe).backgroundColor); probe.remove();
  const grounds = new Map();
  function ground(one) { // the colour behind an element's text; null where it is a picture
    if (!one) return paper;
    if (!grounds.has(one)) {
      const own = style(one), colour = rgba(own.backgroundColor);
      grounds.set(one, own.backgroundImage !== 'none' ? null : colour[3] === 1 ? colour
        : (below => below && over(colour, below))(ground(one.parentElement)));
    }
    return grounds.get(one);
  }
  function opacity(one) { let all = 1; for (; one; one = one.parentElement) all *= +style(one).opacity; return all; }

  // -- texts that can be seen
  const INVISIBLE = /[\s\u00a0\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
  function block(one) { while (style(one).display.startsWith('inline') && style(one).display !== 'inline-block') one = one.parentElement; return one; }
  const texts = [];
  for (const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walk.nextNode();) {
    const node = walk.currentNode, one = node.parentElement, range = document.createRange();
    if (!node.data.replace(INVISIBLE, '') || one.closest('script, style')) continue;
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(box => box.width > 1 && box.height > 1);
    if (!boxes.length || style(one).visibility !== 'visible') continue;
    const all = opacity(one);
    if (all > 0) texts.push({node, one, boxes, css: style(one), opacity: all, block: block(one)});
  }

  // -- layout
  const wide = Math.max(root.scrollWidth, document.body.scrollWidth);
  if (wide > width) say('overflow', `the page is ${wide} px wide, on ${width}`);
  for (const text of texts) {
    if (text.boxes.some(box => box.left < -1 || box.right > width + 1)) say('overflow', 'text leaves the page', text.node.data);
    for (let box = text.one; box && box !== document.body; box = box.parentElement) {
      const around = box.getBoundingClientRect(), clips = style(box).overflow !== 'visible';
      const button = box.tagName === 'A' && style(box).display !== 'inline';
      // a font's box may be higher than its line, so that only what clips is asked for the height
      if ((clips || button) && text.boxes.some(one => one.left < around.left - 1 || one.right > around.right + 1)
        || clips && text.boxes.some(one => one.top < around.top - 1 || one.bottom > around.bottom + 1))
        say('clipped', 'text is cut off', text.node.data);
    }
  }
  const aligned = [...document.querySelectorAll('td > div')].filter(one => one.textContent.trim() && !one.querySelector('table'));
  for (const one of aligned) if (style(one).textAlign === (rtl ? 'left' : 'right')) say('alignment', `aligned ${style(one).textAlign}`, one.textContent);

  // -- colours
  const drawn = (colour, text, back) => over([...colour.slice(0, 3), colour[3] * text.opacity], back);
  for (const text of texts) {
    const back = ground(text.one), front = rgba(text.css.color), size = parseFloat(text.css.fontSize);
    if (!back) continue;
    const large = size >= 24 || (size >= 18.66 && +text.css.fontWeight >= 700);
    const least = large ? limits.contrastLarge : limits.contrast, found = contrast(drawn(front, text, back), back);
    if (found < least) say('contrast', `${found.toFixed(2)} to 1, not ${least}`, text.node.data);
    if (limits.dark) continue;
    const some = contrast(drawn(lightness(front) < .5 ? inverted(front) : front, text, back),
      lightness(back) > .5 ? inverted(back) : back);
    const all = contrast(drawn(inverted(front), text, back), inverted(back));
    for (const [how, value] of [['light grounds and dark text inverted', some], ['everything inverted', all]])
      if (value < limits.contrastInverted) say('inversion', `${value.toFixed(2)} to 1 with ${how}`, text.node.data);
  }
  if (limits.dark) {
    const area = texts.reduce((sum, text) => {
      const size = text.boxes.reduce((all, box) => all + box.width * box.height, 0), back = ground(text.one);
      return [sum[0] + size, sum[1] + (back && light(back) > .4 ? size : 0)];
    }, [0, 0]);
    if (area[1] > area[0] / 3) say('dark', 'the mail stays light for those who chose a dark appearance');
  }

  // -- links
  for (const link of document.querySelectorAll('a[href]')) {
    const box = link.getBoundingClientRect(), images = [...link.querySelectorAll('img')];
    if (box.width < 2 || box.height < 2) continue;
    const label = link.textContent.replace(INVISIBLE, '') || images.map(one => one.alt).join('').trim();
    if (!label) say('label', 'with images off the link says nothing', link.getAttribute('href'));
    const around = block(link.parentElement).cloneNode(true);
    around.querySelectorAll('a').forEach(one => one.remove());
    const running = style(link).display === 'inline' && /[\p{L}\p{N}]/u.test(around.textContent);
    if (limits.target && !running && (box.height < limits.target - .5 || box.width < 24))
      say('target', `${Math.round(box.width)} × ${Math.round(box.height)} px`, link.textContent);
  }

  // -- texts
  for (const text of texts) {
    const size = parseFloat(text.css.fontSize);
    if (limits.textSize && size < limits.textSize) say('size', `${size} px`, text.node.data);
  }
  if (!/^[a-z]{2,3}(-|$)/.test(root.lang)) say('lang', 'the page has no language');
  if (!/^(ltr|rtl)$/.test(root.dir)) say('dir', 'the page has no direction');
  if (!document.title.trim()) say('title', 'the page has no title');
  for (const image of document.images) if (!image.hasAttribute('alt')) say('alt', 'no alternative text', image.src);

  // -- Latin in Arabic: names, codes and prices read from left to right, and stand in an isolate
  function isolated(text, start) {
    for (let one = text.one; one !== text.block; one = one.parentElement)
      if (/isolate|plaintext/.test(style(one).unicodeBidi)) return true;
    const before = text.node.data.slice(0, start);
    return (before.match(/[\u2066-\u2068]/g) || []).length > (before.match(/\u2069/g) || []).length
      || (text.block !== document.body && /^(ltr)$/.test(text.block.dir));
  }
  const RUN = /[+−]?[\p{Script=Latin}\d](?:[^\p{Script=Arabic}\n\u2066-\u2069]*[\p{Script=Latin}\d])?[%°]?/gu;
  const CODE = /^(?=.*\d)(?=.*[A-Z])[A-Z\d-]{4,}$/;
  const PRICE = /^[\d.,\u066b\u066c]+[\s\u00a0\u200f]*(SAR|USD|EUR|[$€£]|ر\.\s?س)/u; // a number and a word need none
  if (rtl) for (const text of texts) for (const run of text.node.data.matchAll(RUN)) {
    let last = null;
    for (let at = run.index; at < run.index + run[0].length; at++) {
      if (!/[\p{Script=Latin}\d+−%°]/u.test(text.node.data[at])) continue;
      const range = document.createRange(); range.setStart(text.node, at); range.setEnd(text.node, at + 1);
      const box = range.getBoundingClientRect();
      if (last && Math.abs(box.top - last.top) < 4 && box.left < last.left - .5) { say('order', 'not read from left to right', run[0]); break; }
      last = box;
    }
    const price = PRICE.test(text.node.data.slice(run.index)), alone = text.block.textContent.replace(INVISIBLE, '') === run[0].replace(INVISIBLE, '');
    if ((price || run[0].split(/\s+/).some(word => CODE.test(word))) && !alone && !isolated(text, run.index))
      say('isolation', `a ${price ? 'price' : 'code'} in Arabic stands in no bdi`, text.node.data);
  }
  return faults;
}
