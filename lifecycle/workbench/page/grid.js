// Every mail in every language, small. A mail is loaded when it comes into sight, and again only when it changed.

import { el, kilobytes } from "/dom.js";
import { sandboxed } from "/frame.js";
import { go, pageOf, place } from "/place.js";

const cards = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = entry.target;
    card.near = entry.isIntersecting;
    if (card.near) load(card);
  }
}, { rootMargin: "400px" });

function load(card) {
  const address = card.dataset.page;
  if (!address || card.address === address) return;
  card.address = address;
  const frame = sandboxed({ src: address, tabindex: "-1", scrolling: "no" });
  frame.style.width = `${place.width}px`;
  const window_ = card.querySelector(".window");
  frame.addEventListener("load", () => window_.replaceChildren(frame), { once: true });
  if (window_.firstChild) {
    frame.classList.add("coming");
    window_.append(frame);
    frame.addEventListener("load", () => frame.classList.remove("coming"), { once: true });
  } else {
    window_.append(frame);
  }
  scale(card);
}

function scale(card) {
  const window_ = card.querySelector(".window");
  const factor = window_.clientWidth / Number(place.width);
  for (const frame of window_.children) {
    frame.style.width = `${place.width}px`;
    frame.style.height = `${Math.ceil(window_.clientHeight / factor)}px`;
    frame.style.transform = `scale(${factor})`;
  }
}

const resized = new ResizeObserver((entries) => entries.forEach((entry) => scale(entry.target.closest(".card"))));

function card(mail, locale) {
  const name = `${mail} ${locale}`;
  if (!cards.has(name)) {
    const made = el("button", { class: "card", type: "button", onclick: () => go({ view: "mail", mail, locale, tab: "html" }) },
      el("span", { class: "window", "aria-hidden": "true" }),
      el("span", { class: "name" }, el("b", {}, mail.split("/").pop()), el("span", { class: "tag" }, locale), el("span", { class: "kb" })),
      el("span", { class: "subject" }));
    cards.set(name, made);
    seen.observe(made);
    resized.observe(made.querySelector(".window"));
  }
  return cards.get(name);
}

export function drawGrid(host, overview, shownNames) {
  const groups = new Map();
  for (const each of overview.templates) {
    if (!shownNames.has(each.name)) continue;
    const folder = each.name.includes("/") ? each.name.slice(0, each.name.lastIndexOf("/")) : "";
    if (!groups.has(folder)) groups.set(folder, []);
    for (const { id, dir } of overview.locales) groups.get(folder).push(fill(each, id, dir));
  }
  const drawn = [...groups].map(([folder, made]) => el("section", {}, el("h2", {}, folder || "templates"), el("div", { class: "cards" }, ...made)));
  const top = host.scrollTop;
  host.replaceChildren(...drawn);
  host.scrollTop = top;
}

function fill(each, locale, dir) {
  const made = card(each.name, locale);
  const known = each.locales[locale];
  const who = known && place.who in known.keys ? place.who : "";
  made.classList.toggle("bad", Boolean(known && !known.ok));
  made.classList.toggle("waiting", !known);
  const subject = made.querySelector(".subject");
  subject.textContent = known ? known.subject || "This mail cannot be made" : "…";
  subject.dir = known?.subject ? dir : "ltr";
  made.querySelector(".kb").textContent = known?.bytes ? kilobytes(known.bytes) : "";
  const window_ = made.querySelector(".window");
  window_.classList.toggle("phone", Number(place.width) < 480);
  made.dataset.page = known?.bytes ? pageOf(each.name, locale, who, known.keys[who]) : "";
  if (made.near) load(made);
  scale(made);
  return made;
}
