// A mail in a sandboxed frame. A new version is loaded behind the old one and takes its place when it is whole, so that
// nothing flickers and the scroll position stays.

import { el } from "/dom.js";

export function sandboxed(given = {}) {
  return el("iframe", { sandbox: "allow-same-origin", title: "The mail", referrerpolicy: "no-referrer", ...given });
}

function heightOf(frame) {
  const root = frame.contentDocument?.documentElement;
  return root ? Math.ceil(root.getBoundingClientRect().height) : 0;
}

export class Frame {
  constructor(host) {
    this.host = host;
    this.shown = null;
    this.coming = null;
    this.address = "";
  }

  show(address) {
    if (address === this.address) return;
    this.address = address;
    this.coming?.remove();
    const frame = sandboxed({ class: "coming", src: address });
    this.coming = frame;
    frame.addEventListener("load", () => this.arrive(frame), { once: true });
    this.host.append(frame);
  }

  clear() {
    this.address = "";
    this.coming?.remove();
    this.shown?.remove();
    this.coming = this.shown = null;
  }

  arrive(frame) {
    if (frame !== this.coming) return;
    this.fit(frame);
    frame.classList.remove("coming");
    this.shown?.remove();
    this.shown = frame;
    this.coming = null;
    const root = frame.contentDocument?.documentElement;
    if (root) new ResizeObserver(() => this.fit(frame)).observe(root);
    this.host.dispatchEvent(new CustomEvent("arrived", { bubbles: true }));
  }

  fit(frame) {
    const height = heightOf(frame);
    if (height && Math.abs(height - frame.offsetHeight) > 1) frame.style.height = `${height}px`;
  }
}
