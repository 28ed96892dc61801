// Elements in one call: el("p", {class: "x", onclick: f}, "text", child). Texts are texts: nothing here parses HTML.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const kilobytes = (bytes) => `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} KB`;
export const many = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/** Bring a group of buttons in line with the value that is chosen. */
export function choose(group, value) {
  for (const button of $$("button[data-value]", group)) {
    button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
  }
}
